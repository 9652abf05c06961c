// Single requests to a broker by hand: what an operator or another client does to us from outside.

import { connect } from 'node:net';
import { apiKeys, FrameSplitter, int32Bytes, stringBytes, type ApiName } from './kafka-frames.ts';

const ANSWER_TIMEOUT_MS = 10_000;

/** One request on a connection of its own; the answer without length and correlation id. */
export async function askBroker(
  broker: string,
  request: { api: ApiName; version: number; body: Buffer },
): Promise<Buffer> {
  const [host = '', port = ''] = broker.split(':');
  const head = Buffer.alloc(8);
  head.writeInt16BE(apiKeys[request.api], 0);
  head.writeInt16BE(request.version, 2);
  head.writeInt32BE(1, 4);
  const frame = Buffer.concat([head, stringBytes('postrider-test'), request.body]);
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(port) });
    const frames = new FrameSplitter();
    socket.setTimeout(ANSWER_TIMEOUT_MS, () => socket.destroy(new Error(`no answer to ${request.api}`)));
    socket.once('connect', () => socket.write(Buffer.concat([int32Bytes(frame.length), frame])));
    socket.once('error', reject);
    socket.once('close', () => reject(new Error(`${broker} closed the connection on ${request.api}`)));
    socket.on('data', (chunk: Buffer) => {
      const [answer] = frames.push(chunk);
      if (answer === undefined) return;
      resolve(answer.subarray(8));
      socket.destroy();
    });
  });
}

/** Cuts the log of a partition before `offset`, as retention does. The broker must lead the partition. */
export async function deleteRecordsBefore(
  broker: string,
  at: { topic: string; partition: number; offset: number },
): Promise<void> {
  const offset = Buffer.alloc(8);
  offset.writeBigInt64BE(BigInt(at.offset));
  const partition = Buffer.concat([int32Bytes(1), int32Bytes(at.partition), offset]);
  const body = Buffer.concat([int32Bytes(1), stringBytes(at.topic), partition, int32Bytes(5_000)]);
  const answer = await askBroker(broker, { api: 'DeleteRecords', version: 0, body });
  const error = answer.readInt16BE(answer.length - 2);
  if (error !== 0) throw new Error(`DeleteRecords of ${at.topic} failed with error ${error}`);
}

/** Puts a member out of its group, as a coordinator does that lost it: its next request gets UNKNOWN_MEMBER_ID. */
export async function expelMember(broker: string, groupId: string, memberId: string): Promise<void> {
  const body = Buffer.concat([stringBytes(groupId), stringBytes(memberId)]);
  const answer = await askBroker(broker, { api: 'LeaveGroup', version: 1, body });
  const error = answer.readInt16BE(4);
  if (error !== 0) throw new Error(`LeaveGroup of ${memberId} failed with error ${error}`);
}

/** Commits for a group that nobody is a member of, as an operator's tool does. */
export async function commitOffset(
  broker: string,
  groupId: string,
  at: { topic: string; partition: number; offset: number; metadata: string },
): Promise<void> {
  const offset = Buffer.alloc(8);
  offset.writeBigInt64BE(BigInt(at.offset));
  const row = Buffer.concat([int32Bytes(1), int32Bytes(at.partition), offset, stringBytes(at.metadata)]);
  const noMember = Buffer.concat([int32Bytes(-1), stringBytes('')]);
  const asConfigured = Buffer.alloc(8, 0xff);
  const topics = Buffer.concat([int32Bytes(1), stringBytes(at.topic), row]);
  const body = Buffer.concat([stringBytes(groupId), noMember, asConfigured, topics]);
  const answer = await askBroker(broker, { api: 'OffsetCommit', version: 2, body });
  const error = answer.readInt16BE(answer.length - 2);
  if (error !== 0) throw new Error(`OffsetCommit of ${groupId} failed with error ${error}`);
}

/** Node id of the coordinator of a group. */
export async function coordinatorOf(broker: string, groupId: string): Promise<number> {
  const answer = await askBroker(broker, { api: 'FindCoordinator', version: 0, body: stringBytes(groupId) });
  const error = answer.readInt16BE(0);
  if (error !== 0) throw new Error(`FindCoordinator of ${groupId} failed with error ${error}`);
  return answer.readInt32BE(2);
}
