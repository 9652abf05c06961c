// hand run: stack, receiver, env file
import { writeFileSync } from 'node:fs';
import { startStack } from '@postrider/dev-stack';
import { createLocalCa } from '@postrider/dev-stack/local-ca';
import { startReceiver } from '@postrider/dev-stack/receiver';
const stack = await startStack({ dataDir: '/work/main/.postrider/cli-hand', fresh: true, env: {} });
const ca = await createLocalCa();
const cert = await ca.issue({ names: ['hooks.shop.test', 'bad.shop.test'] });
const r = await startReceiver({ ...cert, routes: { '/ok': { kind: 'ok' }, '/flaky': { kind: 'fail-then-ok', times: 1 }, '/dead': { kind: 'status', status: 500, body: '{"error":"no \u001b[31m"}' }, '/gone': { kind: 'gone' } } });
writeFileSync('/tmp/hand/ca.pem', ca.caPem);
const db = await stack.createDatabase('hand');
writeFileSync('/tmp/hand/env', `export POSTRIDER_KAFKA_BROKERS=${stack.kafka.brokers.join(',')} POSTRIDER_POSTGRES_URL='${db}' PORT=${r.port}\n`);
process.on('SIGUSR2', () => { r.route('/dead', { kind: 'ok' }); process.stderr.write(`received ${r.count}\n${r.received().map(x => x.method + ' ' + x.host + x.path + ' ' + x.id + ' ' + x.body.toString()).join('\n')}\n`); });
const t = setInterval(() => {}, 1e6);
process.once('SIGTERM', async () => { clearInterval(t); await r.close(); await stack.stop(); process.exit(0); });
