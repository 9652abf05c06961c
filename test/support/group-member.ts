// A group member as a process of its own, to be stopped and continued by signals; it says what happens, a JSON object
// a line. Arguments: brokers, group, topic, session timeout in ms.

import { openCluster } from '@postrider/kafka';

const [brokers = '', groupId = '', topic = '', sessionTimeoutMs = ''] = process.argv.slice(2);

const say = (line: object): void => void process.stdout.write(`${JSON.stringify(line)}\n`);

const cluster = openCluster({ brokers: brokers.split(','), clientId: 'group-member' });
const group = cluster.consumeGroup({
  groupId,
  topics: [topic],
  sessionTimeoutMs: Number(sessionTimeoutMs),
  onAssigned: ({ assignment }) => say({ event: 'assigned', partitions: assignment.length }),
  onRevoked: (reason) => say({ event: 'revoked', reason }),
  onRecords: ({ records }) => records.forEach(({ value }) => say({ event: 'record', value: value?.toString() })),
});
process.once('SIGTERM', () => void group.stop().then(() => cluster.close()));
