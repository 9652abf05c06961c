// `postrider`: one binary for every task. Run as `node services/postrider/src/main.ts …`.

import { systemIo } from './cli-io.ts';
import { runCli } from './cli.ts';
import { endWithoutRoom, flushStreams } from './process-streams.ts';

const interrupted = new AbortController();
// `postrider run` stops in order by its own handler; every other command is simply ended.
process.once('SIGINT', () => interrupted.abort());

endWithoutRoom();
const exitCode = await runCli(process.argv.slice(2), systemIo(interrupted.signal));
await flushStreams();
// Whatever still waits for a broker that is away must not hold the shell.
process.exit(exitCode);
