// `postrider keys checkpoint` and `postrider audit retain` as an operator types them.

import { createPrivateKey, createPublicKey } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  checkpointKeyId,
  decodeCheckpoint,
  encodeCheckpoint,
  introducedKey,
  introduceKey,
  topicNames,
  verifyCheckpoint,
  type CheckpointRecord,
} from '@postrider/core/contracts';
import { openCluster } from '@postrider/kafka';
import { beforeAll, describe, expect, it } from 'vitest';
import { testBrokers } from '../support/stack.ts';
import { cliTerminal, type CliTerminal } from './cli-terminal.ts';

const folder = mkdtempSync(join(tmpdir(), 'checkpoint-keys-'));
const [first, second] = [join(folder, 'first.pem'), join(folder, 'second.pem')];
let cli: CliTerminal;

beforeAll(async () => {
  cli = await cliTerminal('clicheckpoint');
  await cli.json(['topics', 'apply']);
  await cli.json(['db', 'migrate']);
});

async function onTopic(): Promise<CheckpointRecord[]> {
  const cluster = openCluster({ brokers: testBrokers(), clientId: 'test' });
  const records: CheckpointRecord[] = [];
  await cluster.scan({
    topic: topicNames(cli.environment).checkpoints,
    from: 'earliest',
    onRecord: ({ value }) => {
      const decoded = decodeCheckpoint(value);
      if (!decoded.ok) throw new Error(decoded.problem);
      records.push(decoded.value);
    },
  });
  await cluster.close();
  return records;
}

/** As audit-projector does when it starts with the first key. */
async function introduceFirst(): Promise<void> {
  const cluster = openCluster({ brokers: testBrokers(), clientId: 'test' });
  const appender = cluster.openAppender();
  const { environment } = cli;
  const key = createPrivateKey(readFileSync(first));
  const record = introduceKey({ environment, at: '2030-05-02T12:00:00.000Z' }, createPublicKey(key), key);
  const topic = topicNames(environment).checkpoints;
  await appender.append({ topic, partition: 0, key: 'key', value: encodeCheckpoint(record) });
  await appender.close();
  await cluster.close();
}

describe('keys checkpoint', () => {
  it('makes a key that only its owner can read, shows its public part alone, and never replaces one', async () => {
    const [made] = await cli.json(['keys', 'checkpoint', 'create', first]);
    expect(made).toMatchObject({ file: first, keyId: checkpointKeyId(createPublicKey(String(made?.['publicKey']))) });
    expect(JSON.stringify(made)).not.toContain('PRIVATE');
    expect(statSync(first).mode & 0o777).toBe(0o600);
    expect(await cli.json(['keys', 'checkpoint', 'show', first])).toEqual([made]);
    const again = await cli.postrider(['keys', 'checkpoint', 'create', first]);
    expect([again.exit, again.stderr]).toEqual([2, expect.stringContaining('exists already and is not replaced')]);
  });

  it('makes and introduces nothing by a key that nobody knows: what stands on the topic would be called forged for ever', async () => {
    const refused = await cli.postrider(['keys', 'checkpoint', 'rotate', second, '--old', first]);
    expect([refused.exit, refused.stderr]).toEqual([4, expect.stringContaining('was never introduced')]);
    expect(existsSync(second)).toBe(false);
    expect(await onTopic()).toEqual([]);
  });

  it('lets the key in force introduce the next one on the topic', async () => {
    await introduceFirst();
    const [before] = await cli.json(['keys', 'checkpoint', 'show', first]);
    const [made] = await cli.json(['keys', 'checkpoint', 'rotate', second, '--old', first]);
    const [, record] = await onTopic();
    if (record?.type !== 'CheckpointKeyIntroduced') throw new Error(`${record?.type}`);
    expect(verifyCheckpoint(record, createPublicKey(String(before?.['publicKey'])))).toBe(true);
    expect(checkpointKeyId(introducedKey(record)!)).toBe(made?.['keyId']);
    const missing = await cli.postrider([
      'keys',
      'checkpoint',
      'rotate',
      join(folder, 'third.pem'),
      '--old',
      join(folder, 'none.pem'),
    ]);
    expect([missing.exit, missing.stderr]).toEqual([2, expect.stringContaining('does not exist')]);
  });
});

describe('audit retain', () => {
  it('says what it would do, and asks what may go', async () => {
    const asked = await cli.postrider(['audit', 'retain']);
    expect([asked.exit, asked.stderr]).toEqual([2, expect.stringContaining('--older-than')]);
    expect(await cli.json(['audit', 'retain', '--older-than', '90d', '--excerpts-older-than', '30d'])).toEqual([
      { applied: false, days: [], excerpts: 0 },
    ]);
    const told = await cli.postrider(['audit', 'retain', '--older-than', '90d']);
    expect([told.exit, told.stdout]).toEqual([0, expect.stringContaining('dry run')]);
  });
});
