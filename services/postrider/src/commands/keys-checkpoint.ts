// `postrider keys checkpoint`: the key that signs checkpoints of the audit. Its private part is written to a file and shown
// nowhere; its public part is shown, and stands on the topic of checkpoints, introduced by the key before it.

import { createPublicKey } from 'node:crypto';
import { resolve } from 'node:path';
import { checkpointKeyId, encodeCheckpoint, introduceKey, timestamp, topicNames } from '@postrider/core/contracts';
import { makeCheckpointKey, readCheckpointKey, type CheckpointKey } from '@postrider/runtime';
import type { Command } from 'commander';
import { CheckpointBook } from '../audit/checkpoint-book.ts';
import { readCheckpointTopic } from '../audit/read-checkpoints.ts';
import { examples, type AddCommand } from '../command-runner.ts';
import { CliError } from '../failure.ts';
import type { Session } from '../session.ts';

export const addCheckpointKeys: AddCommand = (parent, runner) => {
  const checkpoint = parent
    .command('checkpoint')
    .description('the key that signs checkpoints of the audit')
    .addHelpText(
      'before',
      examples(
        'postrider keys checkpoint create /etc/postrider/checkpoint.pem',
        'postrider keys checkpoint rotate /etc/postrider/checkpoint-2.pem --old /etc/postrider/checkpoint.pem',
        'postrider keys checkpoint show /etc/postrider/checkpoint.pem',
      ),
    );

  checkpoint
    .command('create')
    .description('make the first key of an environment; the file must not exist')
    .argument('<file>', 'where the private key is written, readable by its owner alone')
    .addHelpText('before', examples('postrider keys checkpoint create /etc/postrider/checkpoint.pem'))
    .action((file: string, _options, command: Command) =>
      runner.bounded(command, async (session) => {
        show(session, resolve(file), good(makeCheckpointKey(resolve(file))));
        session.out.note(
          `set POSTRIDER_AUDIT_CHECKPOINT_KEY=${resolve(file)} for audit-projector, keep the file off the database host, and publish the public key`,
        );
      }),
    );

  checkpoint
    .command('rotate')
    .description('make the next key and let the one in force introduce it on the topic of checkpoints')
    .argument('<file>', 'where the new private key is written; the file must not exist')
    .requiredOption('--old <file>', 'the key in force')
    .addHelpText(
      'before',
      examples('postrider keys checkpoint rotate /etc/postrider/checkpoint-2.pem --old /etc/postrider/checkpoint.pem'),
    )
    .action((file: string, { old }: { old: string }, command: Command) =>
      runner.bounded(command, async (session) => {
        const signer = good(readCheckpointKey(resolve(old)));
        const { environment } = session.config;
        const { cluster } = await session.kafka();
        session.waitFor('the topic of checkpoints');
        // Before anything is made: an introduction by a key that nobody knows would stand there as forged for ever.
        const book = new CheckpointBook(environment, []);
        await readCheckpointTopic(book, { cluster, environment, timeoutMs: session.options.timeoutMs });
        const signerId = checkpointKeyId(createPublicKey(signer.privateKey));
        if (!book.keyIds().includes(signerId)) {
          throw new CliError(
            'refused',
            `the key ${signerId} was never introduced in ${environment}, so it cannot introduce another: give the one in force with --old; the first one is introduced by audit-projector when it starts with it`,
          );
        }
        const made = good(makeCheckpointKey(resolve(file)));
        const at = timestamp(session.io.clock.now());
        const record = introduceKey({ environment, at }, createPublicKey(made.privateKey), signer.privateKey);
        const appender = cluster.openAppender();
        try {
          const topic = topicNames(environment).checkpoints;
          await appender.append({ topic, partition: 0, key: 'key', value: encodeCheckpoint(record) });
        } finally {
          await appender.close();
        }
        show(session, resolve(file), made);
        session.out.note(
          `introduced by ${record.keyId}; set POSTRIDER_AUDIT_CHECKPOINT_KEY=${resolve(file)} for audit-projector and restart it`,
        );
      }),
    );

  checkpoint
    .command('show')
    .description('the public part of a key')
    .argument('<file>', 'the private key')
    .addHelpText('before', examples('postrider keys checkpoint show /etc/postrider/checkpoint.pem --json'))
    .action((file: string, _options, command: Command) =>
      runner.bounded(command, async (session) => show(session, resolve(file), good(readCheckpointKey(resolve(file))))),
    );
};

type GoodKey = Extract<CheckpointKey, { ok: true }>;

function good(key: CheckpointKey): GoodKey {
  if (!key.ok) throw new CliError('config', key.problem);
  return key;
}

function show(session: Session, file: string, { privateKey, publicPem }: GoodKey): void {
  const keyId = checkpointKeyId(createPublicKey(privateKey));
  session.out.document(
    { keyId, file, publicKey: publicPem },
    () => `key:   ${keyId}\nfile:  ${file}\n\n${publicPem.trim()}`,
  );
}
