// Waiting for something that happens in another process: looks again and again, and says what it last saw when it gives up.

/** Resolves with the first value that `done` accepts. @throws after `timeoutMs`, with the last value seen */
export async function eventually<T>(
  look: () => Promise<T>,
  done: (value: T) => boolean,
  timeoutMs: number,
  everyMs = 50,
): Promise<T> {
  const until = performance.now() + timeoutMs;
  for (;;) {
    const value = await look();
    if (done(value)) return value;
    if (performance.now() > until) throw new Error(`not within ${timeoutMs} ms; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
