// What can be wrong with a request, each as a change to a genuine one: the same for every profile that it fits.

/** `reason` is what @postrider/verify says; undefined: the request is genuine. */
export interface ReceiverVector {
  readonly profile: string;
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
  /** As a sample takes it. */
  readonly secret: string | null | Readonly<Record<string, string>>;
  readonly url: string;
  /** Unix seconds. */
  readonly now: number;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBase64: string;
  /** What a genuine request says, once decrypted. */
  readonly plainBase64: string;
  /** The same request comes twice; the verdict is about the second. */
  readonly twice: boolean;
  readonly reason: string | undefined;
  /** Why a sample does not do this form (the package does), by language. */
  readonly without: Readonly<Record<string, string>>;
}

/** Name of the flaw, the reason that @postrider/verify gives, the change. */
export type Flaw = readonly [name: string, reason: string, change: (vector: ReceiverVector) => Partial<ReceiverVector>];

export const later = { stale: 301, early: -301 };

export const header = (name: string, change: (value: string) => string | undefined) => (vector: ReceiverVector) => {
  const changed = change(vector.headers[name] ?? '');
  const { [name]: _gone, ...rest } = vector.headers;
  return { headers: changed === undefined ? rest : { ...rest, [name]: changed } };
};
export const body = (change: (bytes: Buffer) => Buffer) => (vector: ReceiverVector) => ({
  bodyBase64: change(Buffer.from(vector.bodyBase64, 'base64')).toString('base64'),
});
export const flipped = (bytes: Buffer, at: number): Buffer => {
  const changed = Buffer.from(bytes);
  changed[at] = (changed[at] ?? 0) ^ 1;
  return changed;
};
export const clock = (seconds: number) => (vector: ReceiverVector) => ({ now: vector.now + seconds });
export const twice: Flaw = ['the same request again', 'nonce-reused', () => ({ twice: true })];
export const stale: readonly Flaw[] = [
  ['a stale timestamp', 'timestamp-too-old', clock(later.stale)],
  ['a timestamp of the future', 'timestamp-too-new', clock(later.early)],
];

/** What can be wrong with any signature in a header of its own. */
export function signatureFlaws(name: string): readonly Flaw[] {
  return [
    ['a changed byte in the body', 'signature-mismatch', body((bytes) => flipped(bytes, 3))],
    ['a longer body', 'signature-mismatch', body((bytes) => Buffer.concat([bytes, Buffer.from(' ')]))],
    ['a signature that is too short', 'signature-mismatch', header(name, (value) => value.slice(0, -2))],
    ['a signature that is too long', 'signature-mismatch', header(name, (value) => `${value}AA`)],
    ['garbage for a signature', 'signature-mismatch', header(name, () => '%%% not base64 %%%')],
    ['letters that are not ASCII for a signature', 'signature-mismatch', header(name, () => 'v1,äöü')],
    ['no signature', 'header-missing', header(name, () => undefined)],
    ...stale,
    twice,
  ];
}
