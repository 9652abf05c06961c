// What the launcher says, on stderr: stdout belongs to the task. A step is told when it starts, while it lasts,
// and when it is done, so that nobody looks at a silent terminal.

const HEARTBEAT_MS = 5_000;

/** @param {string} line */
export function say(line) {
  process.stderr.write(`[postrider] ${line}\n`);
}

/**
 * Runs `step` and tells how it goes.
 *
 * @template T
 * @param {string} title what is being done
 * @param {() => Promise<T>} step
 * @returns {Promise<T>}
 */
export async function told(title, step) {
  const startedAt = performance.now();
  const elapsed = () => `${((performance.now() - startedAt) / 1000).toFixed(1)} s`;
  say(`${title} …`);
  const heartbeat = setInterval(() => say(`${title} … ${elapsed()}`), HEARTBEAT_MS);
  try {
    const value = await step();
    say(`${title}: done in ${elapsed()}`);
    return value;
  } finally {
    clearInterval(heartbeat);
  }
}
