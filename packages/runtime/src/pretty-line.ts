// A log line for a person: `12:03:01.123 INFO  [dispatch] attempt settled  endpoint=ep_1 outcome=success`.

const always = new Set(['level', 'time', 'service', 'message', 'error']);
const plainText = /^[^\s"=]+$/;

/** Turns one JSON line of the log into a plain one; hands on what is no JSON object as it is. */
export function prettyLine(jsonLine: string): string {
  let entry: Record<string, unknown>;
  try {
    entry = JSON.parse(jsonLine) as Record<string, unknown>;
  } catch {
    return jsonLine;
  }
  const time = textOf(entry['time']).slice(11, 23);
  const level = textOf(entry['level']).toUpperCase().padEnd(5);
  const service = entry['service'] === undefined ? '' : `[${textOf(entry['service'])}] `;
  const fields = Object.entries(entry)
    .filter(([name]) => !always.has(name))
    .map(([name, value]) => `${name}=${shown(value)}`);
  const head = [`${time} ${level} ${service}${textOf(entry['message'])}`, ...fields].join('  ');
  return `${head}${errorText(entry['error'])}\n`;
}

function textOf(value: unknown): string {
  return typeof value === 'string' ? value : JSON.stringify(value ?? '');
}

function shown(value: unknown): string {
  if (typeof value === 'string') return plainText.test(value) ? value : JSON.stringify(value);
  return JSON.stringify(value);
}

function errorText(error: unknown): string {
  if (error === undefined || error === null) return '';
  if (typeof error !== 'object') return `  error=${shown(error)}`;
  const { stack, cause } = error as { readonly stack?: string; readonly cause?: unknown };
  const text = stack ?? JSON.stringify(error);
  return `\n  ${text.replaceAll('\n', '\n  ')}${cause === undefined ? '' : `\n  caused by${errorText(cause)}`}`;
}
