import { afterEach, describe, expect, test } from 'vitest';
import { createHealthServer } from './health-server.ts';
import type { HealthServer, HealthServerOptions } from './health-server.ts';
import { memoryLogger } from './testing.ts';
import { createMetrics } from './metrics.ts';
import type { ProcessReadiness } from './service.ts';

const open: HealthServer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((server) => server.stop()));
});

async function startServer(overrides: Partial<HealthServerOptions> = {}): Promise<string> {
  const server = createHealthServer({
    host: '127.0.0.1',
    port: 0,
    readiness: () => ({ ready: true, state: 'running', services: {} }),
    metrics: createMetrics({ version: '1.2.3', processMetrics: false }),
    logger: memoryLogger().logger,
    ...overrides,
  });
  open.push(server);
  return (await server.start()).url;
}

describe('/readyz', () => {
  test('answers 200 when ready and 503 with the reasons when not', async () => {
    let readiness: ProcessReadiness = { ready: true, state: 'running', services: { a: { ready: true, reasons: [] } } };
    const url = await startServer({ readiness: () => readiness });
    const good = await fetch(`${url}/readyz`);
    expect(good.status).toBe(200);
    expect(await good.json()).toEqual(readiness);

    readiness = { ready: false, state: 'running', services: { a: { ready: false, reasons: ['restoring'] } } };
    const bad = await fetch(`${url}/readyz?verbose`);
    expect(bad.status).toBe(503);
    expect(await bad.json()).toEqual(readiness);
  });
});

test('/livez answers although nothing is ready', async () => {
  const url = await startServer({ readiness: () => ({ ready: false, state: 'starting', services: {} }) });
  expect((await fetch(`${url}/livez`)).status).toBe(200);
});

test('/metrics answers in the Prometheus text format', async () => {
  const response = await fetch(`${await startServer()}/metrics`);
  expect(response.headers.get('content-type')).toContain('text/plain');
  expect(await response.text()).toMatch(/^postrider_build_info\{version="1.2.3",.*\} 1$/m);
});

test('a scrape that fails answers 500 and is logged', async () => {
  const { logger, lines } = memoryLogger();
  const url = await startServer({ logger, metrics: { scrape: () => Promise.reject(new Error('registry broke')) } });
  const response = await fetch(`${url}/metrics`);
  expect(response.status).toBe(500);
  expect(await response.text()).not.toContain('registry broke');
  expect(lines).toHaveLength(1);
});

test.each([
  ['GET', '/', 404],
  ['GET', '/metricsx', 404],
  ['POST', '/readyz', 405],
  ['HEAD', '/livez', 200],
])('%s %s answers %d', async (method, path, status) => {
  expect((await fetch(`${await startServer()}${path}`, { method })).status).toBe(status);
});

test('an address that is not of this machine is refused with the setting to mend', async () => {
  await expect(startServer({ host: '192.0.2.1' })).rejects.toMatchObject({
    code: 'health-listen',
    message: expect.stringContaining('POSTRIDER_HEALTH_HOST') as string,
  });
});

test('stopping ends connections that are kept open', async () => {
  const server = createHealthServer({
    host: '127.0.0.1',
    port: 0,
    readiness: () => ({ ready: true, state: 'running', services: {} }),
    metrics: createMetrics({ version: '1', processMetrics: false }),
    logger: memoryLogger().logger,
  });
  const { url } = await server.start();
  await fetch(`${url}/livez`).then((response) => response.text());
  await server.stop();
  await expect(fetch(`${url}/livez`)).rejects.toThrow();
});
