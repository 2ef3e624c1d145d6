import { expect, test } from 'vitest';

import { type NodeId, nodeId } from '../../../../core/base/ids.ts';
import { defaultLogConfig } from '../../../../core/chronik/log/config.ts';
import { partitionDirectory } from '../../../../core/chronik/log/file-names.ts';
import { PartitionLog } from '../../../../core/chronik/log/partition-log.ts';
import { type ReplicationMessage } from '../../../../core/chronik/replication/messages.ts';
import { recordsBytes } from '../../../../core/chronik/replication/message-codec.ts';
import { Replication } from '../../../../core/chronik/replication/replication.ts';
import { defaultReplicationSettings } from '../../../../core/chronik/replication/settings.ts';
import { MemorySegments } from '../../../../core/storage/memory-segments.ts';
import { UnreadableError } from '../../../../core/storage/read-errors.ts';
import { encodeBatch } from '../../../../core/wire/kafka/records.ts';

const [leader, follower] = [1, 2].map(nodeId) as [NodeId, NodeId];
const partitions = [0, 1, 2, 3, 4, 5];
const keyOf = (partition: number) => ({ created: 7, partition });

/** Broker 1, which leads six partitions, with all that it says; the test plays the follower. */
function leading(settings: Partial<typeof defaultReplicationSettings> = {}, files = new MemorySegments()) {
  const sent: ReplicationMessage[] = [];
  const replication = new Replication({
    id: leader,
    settings: { ...defaultReplicationSettings, ...settings },
    port: {
      send: (_, message) => sent.push(message),
      persist: (appends) => {
        for (const { file, bytes } of appends) files.append(file, bytes);
        return 1;
      },
      cut: (cuts) => {
        for (const { file, lengthBytes } of cuts) files.cut(file, lengthBytes);
      },
      proposeAlterPartitions: () => undefined,
      confirmMetadata: () => 0,
      appendEnded: () => undefined,
      fetched: () => undefined,
      recordsDeleted: () => undefined,
      partitionLed: () => undefined,
      partitionLeft: () => undefined,
      highWatermarkMoved: () => undefined,
    },
  });
  replication.brokersChanged([leader, follower].map((id) => ({ id, brokerEpoch: 3, isFenced: false })));
  for (const partition of partitions) {
    const key = keyOf(partition);
    const directory = partitionDirectory('t', key);
    const log = PartitionLog.recover(files, {
      directory,
      config: { ...defaultLogConfig, segmentBytesMax: 4_000 },
    });
    const assignment = {
      key,
      topic: 't',
      replicas: [leader, follower],
      isr: [leader, follower],
      leader,
      leaderEpoch: 0,
      partitionEpoch: 0,
      minInsyncReplicas: 1,
      mayDeleteRecords: true,
      isThrottledAsLeader: false,
      isThrottledAsFollower: false,
    };
    replication.assign(assignment, log, 0);
  }
  replication.registered(3, 0);
  const flush = (nowUs = 0): readonly ReplicationMessage[] => {
    replication.settle(nowUs);
    replication.flush(nowUs);
    return sent.splice(0);
  };
  flush();
  return { replication, flush };
}

const records = (bytes: number): Uint8Array =>
  encodeBatch({ records: [{ timestampMs: 0, value: new Uint8Array(bytes) }] });

function append({ replication }: ReturnType<typeof leading>, partition: number, bytes = 900): void {
  const outcome = replication.append({
    key: keyOf(partition),
    records: records(bytes),
    acks: 0,
    token: 0,
    deadlineUs: 0,
    wallMs: 0,
    origin: 'client',
  });
  expect(outcome.kind).toBe('done');
}

function fetch(
  { replication, flush }: ReturnType<typeof leading>,
  fetchSeq: number,
  from: Readonly<Record<number, number>>,
  nowUs = 0,
): readonly ReplicationMessage[] {
  const positions = Object.entries(from).map(([partition, fetchOffset]) => ({
    key: keyOf(Number(partition)),
    leaderEpoch: 0,
    fetchOffset,
    lastFetchedEpoch: fetchOffset === 0 ? -1 : 0,
    syncedOffset: fetchOffset,
    logStartOffset: 0,
  }));
  replication.received(follower, { kind: 'replicaFetch', fetchSeq, brokerEpoch: 3, positions }, nowUs);
  return flush(nowUs);
}

/** Partition and bytes of every answer, a message each. */
function answers(
  messages: readonly ReplicationMessage[],
): readonly (readonly (readonly [number, number])[])[] {
  return messages.map((message) => {
    if (message.kind !== 'replicaFetchAnswered') throw new Error(`a leader does not say ${message.kind}`);
    return message.answers.map(({ key, records: bytes }) => [key.partition, recordsBytes(bytes)] as const);
  });
}

test('what a step has to say to one follower of all partitions is one message', () => {
  const broker = leading();
  expect(answers(fetch(broker, 1, { 0: 0, 1: 0, 2: 0 }))).toEqual([
    [
      [0, 0],
      [1, 0],
      [2, 0],
    ],
  ]);
  expect(answers(fetch(broker, 2, { 0: 0, 1: 0, 2: 0 }))).toEqual([]);
  append(broker, 2);
  append(broker, 1);
  expect(answers(broker.flush())).toEqual([
    [
      [2, 970],
      [1, 970],
    ],
  ]);
});

test('bytes on their way to a follower are bounded, and partitions take turns', () => {
  const broker = leading({ partitionBytesMax: 1_000, followerBytesMax: 3_000 });
  for (const partition of partitions) for (let count = 0; count < 3; count += 1) append(broker, partition);
  broker.flush();
  const first = fetch(broker, 1, { 0: 0, 1: 0, 2: 0, 3: 0, 4: 0, 5: 0 });
  expect(answers(first)).toEqual([
    [
      [0, 970],
      [1, 970],
      [2, 970],
    ],
  ]);
  // The first two have come: their next fetches stand behind those that have waited.
  expect(answers(fetch(broker, 2, { 0: 1, 1: 1 }))).toEqual([
    [
      [3, 970],
      [4, 970],
    ],
  ]);
  expect(answers(fetch(broker, 3, { 2: 1, 3: 1 }))).toEqual([
    [
      [5, 970],
      [0, 970],
    ],
  ]);
});

test('an answer that is never heard of again holds its place until it must be lost', () => {
  const broker = leading({ partitionBytesMax: 1_000, followerBytesMax: 1_000, fetchTimeoutMaxUs: 8_000_000 });
  append(broker, 0);
  append(broker, 1);
  broker.flush();
  expect(answers(fetch(broker, 1, { 0: 0, 1: 0 }))).toEqual([[[0, 970]]]);
  expect(broker.replication.deadlineUs).toBe(8_000_000);
  broker.replication.tick(8_000_000);
  expect(answers(broker.flush(8_000_000))).toEqual([[[1, 970]]]);
});

test('a batch that is larger than a partition’s share goes alone', () => {
  const broker = leading({ partitionBytesMax: 100, followerBytesMax: 200 });
  append(broker, 0, 2_000);
  append(broker, 1, 2_000);
  broker.flush();
  expect(answers(fetch(broker, 1, { 0: 0, 1: 0 }))).toEqual([[[0, 2_070]]]);
  expect(answers(fetch(broker, 2, { 0: 1 }))).toEqual([[[1, 2_070]]]);
});

test('what the disk cannot read is told to whoever asks for it, and nobody else', () => {
  class HurtSegments extends MemorySegments {
    isHurt = false;

    override read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
      if (this.isHurt && file.includes('t-0')) throw new UnreadableError('EIO');
      return super.read(file, positionBytes, lengthBytes);
    }
  }
  const files = new HurtSegments();
  const broker = leading({}, files);
  for (let count = 0; count < 1_100; count += 1) append(broker, 0, 10);
  append(broker, 1);
  broker.flush();
  files.isHurt = true;
  const messages = fetch(broker, 1, { 0: 2, 1: 0 });
  expect(messages).toMatchObject([
    {
      kind: 'replicaFetchAnswered',
      answers: [
        { key: keyOf(0), error: 'KAFKA_STORAGE_ERROR' },
        { key: keyOf(1), error: 'NONE' },
      ],
    },
  ]);
  const found = broker.replication.offsetOf({
    key: keyOf(0),
    currentLeaderEpoch: -1,
    timestampMs: 0,
    isolation: undefined,
  });
  expect(found.error).toBe('KAFKA_STORAGE_ERROR');
});

test('segments that are past their retention go, in turns that the clock gives', () => {
  const files = new MemorySegments();
  const broker = leading({ retentionIntervalUs: 1_000_000 }, files);
  for (let count = 0; count < 20; count += 1) append(broker, 3);
  broker.flush();
  const startOf = (): number | undefined => broker.replication.replica(keyOf(3))?.log.logStartOffset;
  broker.replication.synced(1, 0);
  fetch(broker, 1, { 3: 20 });
  expect(broker.replication.replica(keyOf(3))?.highWatermark).toBe(20);
  expect(broker.replication.deadlineUs).toBeGreaterThan(0);
  broker.replication.wallClock(1_000, 0);
  expect(startOf()).toBe(0);
  broker.replication.wallClock(8 * 24 * 3_600_000, 1_000_000);
  expect(startOf()).toBeGreaterThan(0);
});
