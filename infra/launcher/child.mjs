// Runs a program for a task. It gets each signal exactly once (it is in a session of its own, so a terminal's Ctrl-C
// reaches only the launcher, which passes it on), and it is asked to stop when the launcher is killed (a small shell
// holds a pipe from the launcher and sees it end).

import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** npm passes on a signal that the terminal has sent to us as well: the second within this time is the same one. */
const SAME_SIGNAL_MS = 500;

const FORWARDED = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);

// `exec` keeps the pid of the shell for the program. The guard is forked twice, so that the program is not its parent.
// A line on the pipe means that the program has ended by itself.
const GUARD_SCRIPT = `
(
  trap '' INT TERM HUP
  exec </dev/null >/dev/null 2>&1
  ( if read -r line <&3; then exit 0; fi
    kill -TERM $$ || exit 0
    tries=0
    while kill -0 $$ && [ $tries -lt 300 ]; do sleep 0.1; tries=$((tries + 1)); done
    kill -KILL $$
  ) &
)
exec 3<&-
exec "$@"
`;

const INHERITED = /** @type {const} */ (['inherit', 'inherit', 'inherit']);

/** @typedef {typeof FORWARDED[number]} Forwarded */

/**
 * The programs that run now; signals go to all of them.
 *
 * @type {Set<import('node:child_process').ChildProcess>}
 */
const running = new Set();

/** @type {{ name: Forwarded, at: number } | undefined} */
let lastSignal;
/** @type {Forwarded | undefined} */
let interruptedBy;
let listening = false;

/** The exit code after a signal (130 for SIGINT), or 0 when there was none. */
export function interruption() {
  return interruptedBy === undefined ? 0 : 128 + constants.signals[interruptedBy];
}

/**
 * Runs a program to its end.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ env: Record<string, string | undefined>, cwd: string, capture?: boolean }} options with `capture`, stdin is
 *   empty and stdout and stderr are collected; otherwise all three are the launcher's own
 * @returns {Promise<{ code: number, output: string }>} code is 128 + n when a signal ended it, 127 when it cannot be run
 */
export function runChild(command, args, options) {
  listenForSignals();
  const program = options.capture ? /** @type {const} */ (['ignore', 'pipe', 'pipe']) : INHERITED;
  return new Promise((resolve) => {
    /** @type {import('node:child_process').ChildProcess} */
    const child = spawn('/bin/sh', ['-c', GUARD_SCRIPT, 'postrider-guard', command, ...args], {
      env: options.env,
      cwd: options.cwd,
      stdio: [...program, 'pipe'],
      detached: true,
    });
    running.add(child);
    const pipe = /** @type {import('node:stream').Writable} */ (child.stdio[3]);
    pipe.on('error', () => {});
    let output = '';
    /** @param {Buffer} chunk */
    const collect = (chunk) => {
      output += chunk.toString();
    };
    child.stdout?.on('data', collect);
    child.stderr?.on('data', collect);
    child.once('exit', () => {
      running.delete(child);
      pipe.end('done\n');
    });
    child.once('error', (error) => {
      running.delete(child);
      resolve({ code: 127, output: `Could not run ${command}: ${error.message}` });
    });
    child.once('close', (code, signal) => {
      resolve({ code: signal === null ? (code ?? 1) : 128 + constants.signals[signal], output });
    });
  });
}

function listenForSignals() {
  if (listening) return;
  listening = true;
  for (const name of FORWARDED) process.on(name, () => forward(name));
}

/** @param {Forwarded} name */
function forward(name) {
  const now = performance.now();
  if (lastSignal?.name === name && now - lastSignal.at < SAME_SIGNAL_MS) return;
  lastSignal = { name, at: now };
  interruptedBy ??= name;
  for (const child of running) child.kill(name);
}
