// The audit projector alone as a process of its own, for tests that kill it. Run as a program it is that process; imported
// it starts one.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { createAuditProjector, projectorRows } from '@postrider/audit-projector';
import { openCluster } from '@postrider/kafka';
import {
  commonRows,
  createLogger,
  createMetrics,
  loadConfig,
  runProcess,
  systemClock,
  systemHost,
  systemTimers,
} from '@postrider/runtime';
import type { TestPostriderOptions } from './postrider.ts';
import { compileCache } from './service-process.ts';

const self = fileURLToPath(import.meta.url);

/** Starts one; `kill` is kill −9 and resolves when it is gone. */
export function startProjectorProcess(
  options: TestPostriderOptions,
  set: readonly string[],
): { kill(): Promise<void> } {
  const flags = [`environment=${options.environment}`, `kafka.brokers=${options.brokers.join(',')}`, ...set];
  const child = spawn(process.execPath, [self, ...flags], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { PATH: process.env['PATH'], NODE_COMPILE_CACHE: compileCache, POSTRIDER_POSTGRES_URL: options.postgresUrl },
  });
  const gone = once(child, 'exit');
  return {
    kill: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGKILL');
        await gone;
      }
    },
  };
}

function run(flags: readonly string[]): void {
  const loaded = loadConfig({ ...commonRows, ...projectorRows }, { env: process.env, flags });
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems));
  const { config } = loaded;
  const logger = createLogger({ level: 'error', format: 'json' });
  const metrics = createMetrics({ version: 'test', processMetrics: false });
  const cluster = openCluster({ brokers: config['kafka.brokers'], clientId: 'projector-process' });
  const common = { logger, clock: systemClock, timers: systemTimers };
  runProcess([createAuditProjector({ ...common, config, cluster, metrics })], {
    ...common,
    host: systemHost,
    drainTimeoutMs: 2_000,
  });
}

if (process.argv[1] === self) run(process.argv.slice(2));
