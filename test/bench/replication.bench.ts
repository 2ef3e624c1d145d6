/**
 * What replication costs a machine: a leader and two followers in one process, batches of 1 MB with records of 1 KB, the codec
 * of the brokers' messages in between, segment files in memory. The yardstick is what cannot be saved: three checksums of
 * each byte and one copy for each follower.
 *
 * `npm run bench -- replication [--megabytes N] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { crc32c } from '../../core/base/crc32c.ts';
import { nodeId } from '../../core/base/ids.ts';
import { defaultLogConfig } from '../../core/chronik/log/config.ts';
import { PartitionLog } from '../../core/chronik/log/partition-log.ts';
import {
  decodeReplicationMessages,
  encodeReplicationMessages,
} from '../../core/chronik/replication/message-codec.ts';
import { Replication } from '../../core/chronik/replication/replication.ts';
import { defaultReplicationSettings } from '../../core/chronik/replication/settings.ts';
import { encodeBatch } from '../../core/wire/kafka/records.ts';

const { values } = parseArgs({
  options: { megabytes: { type: 'string', default: '1000' }, json: { type: 'string' } },
});
const megabytes = Number(values.megabytes);
if (!(megabytes > 0)) throw new Error(`--megabytes is ${values.megabytes}, it must be a number above 0`);

const key = { created: 1, partition: 0 };
const brokers = [1, 2, 3].map(nodeId);
const batchBytes = encodeBatch({
  records: Array.from({ length: 1_000 }, () => ({ timestampMs: 0, value: new Uint8Array(1_024).fill(7) })),
});

/** Files that keep what is appended as it comes, as the page cache would: no copy is made for them. */
class KeptSegments {
  readonly #files = new Map<string, { chunks: { at: number; bytes: Uint8Array }[]; length: number }>();

  list(): readonly { file: string; lengthBytes: number }[] {
    return [];
  }

  append(file: string, bytes: Uint8Array): void {
    const content = this.#files.get(file) ?? { chunks: [], length: 0 };
    this.#files.set(file, content);
    content.chunks.push({ at: content.length, bytes });
    content.length += bytes.length;
    // What everybody has fetched is of no more use here.
    if (content.chunks.length > 64) content.chunks.splice(0, 32);
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    for (const { at, bytes } of this.#files.get(file)?.chunks ?? []) {
      if (positionBytes >= at && positionBytes < at + bytes.length) {
        return bytes.subarray(positionBytes - at, positionBytes - at + lengthBytes);
      }
    }
    throw new Error(`${file} is not kept at ${positionBytes}`);
  }

  truncate(): void {
    throw new Error('nothing is cut here');
  }

  remove(): void {
    throw new Error('nothing is removed here');
  }
}

class Replica {
  readonly files = new KeptSegments();
  readonly replication: Replication;
  readonly sent: { readonly to: number; readonly bytes: Uint8Array }[] = [];
  syncSeq = 0;
  acknowledged = 0;

  constructor(id: (typeof brokers)[number]) {
    this.replication = new Replication({
      id,
      settings: defaultReplicationSettings,
      port: {
        send: (to, message) =>
          this.sent.push({ to, bytes: encodeReplicationMessages([message], this.files) }),
        persist: (appends) => {
          for (const { file, bytes } of appends) this.files.append(file, bytes);
          this.syncSeq += 1;
          return this.syncSeq;
        },
        cut: () => undefined,
        proposeAlterPartitions: () => undefined,
        confirmMetadata: () => 0,
        appendEnded: () => {
          this.acknowledged += 1;
        },
        fetched: () => undefined,
        recordsDeleted: () => undefined,
        partitionLed: () => undefined,
        partitionLeft: () => undefined,
        highWatermarkMoved: () => undefined,
      },
    });
    const log = PartitionLog.recover(this.files, {
      directory: 'partitions/t-0.1',
      config: { ...defaultLogConfig, messageBytesMax: batchBytes.length },
    });
    this.replication.brokersChanged(
      brokers.map((broker) => ({ id: broker, brokerEpoch: 1, isFenced: false })),
    );
    const assignment = {
      key,
      topic: 't',
      replicas: brokers,
      isr: brokers,
      leader: brokers[0] as (typeof brokers)[number],
      leaderEpoch: 0,
      partitionEpoch: 0,
      minInsyncReplicas: 2,
      mayDeleteRecords: true,
      isThrottledAsLeader: false,
      isThrottledAsFollower: false,
    };
    this.replication.assign(assignment, log, 0);
    this.replication.registered(1, 0);
    this.flush();
  }

  flush(): void {
    this.replication.settle(0);
    this.replication.flush(0);
  }
}

const replicas = brokers.map((id) => new Replica(id));
const leader = replicas[0] as Replica;

/** Messages arrive and disks sync until nothing is left to do. */
function settle(): void {
  for (let idle = 0; idle < 2; idle += 1) {
    for (const [at, from] of replicas.entries()) {
      for (const { to, bytes } of from.sent.splice(0)) {
        idle = -1;
        const receiver = replicas[to - 1] as Replica;
        for (const message of decodeReplicationMessages(bytes)) {
          receiver.replication.received(brokers[at] as (typeof brokers)[number], message, 0);
        }
        receiver.flush();
      }
    }
    for (const replica of replicas) {
      replica.replication.synced(replica.syncSeq, 0);
      replica.flush();
    }
  }
}

function replicate(count: number): number {
  const batches = Array.from({ length: count }, () => batchBytes.slice());
  const startUs = process.cpuUsage();
  for (const [at, records] of batches.entries()) {
    const origin = 'client';
    leader.replication.append({ key, records, acks: -1, token: at, deadlineUs: Infinity, wallMs: 0, origin });
    leader.flush();
    settle();
  }
  const used = process.cpuUsage(startUs);
  return (used.user + used.system) / 1_000;
}

function yardstick(count: number): number {
  const startUs = process.cpuUsage();
  let sum = 0;
  for (let at = 0; at < count; at += 1) {
    for (const copies of [0, 1, 1]) sum ^= crc32c(copies === 0 ? batchBytes : batchBytes.slice());
  }
  const used = process.cpuUsage(startUs);
  return sum === 1 ? Infinity : (used.user + used.system) / 1_000;
}

const megabytesOfBatch = batchBytes.length / 1e6;
const count = Math.ceil(megabytes / megabytesOfBatch);
settle();
replicate(50);
yardstick(50);
const acknowledgedBefore = leader.acknowledged;
let ms = 0;
let leastMs = 0;
for (let done = 0; done < count; done += 50) {
  const some = Math.min(50, count - done);
  ms += replicate(some);
  leastMs += yardstick(some);
}
if (leader.acknowledged - acknowledgedBefore !== count) throw new Error('not all was acknowledged');
const msPerMb = ms / (count * megabytesOfBatch);
const leastMsPerMb = leastMs / (count * megabytesOfBatch);
process.stdout.write(
  `${count} batches of ${megabytesOfBatch.toFixed(2)} MB, acks=-1, leader and two followers in one process\n` +
    `CPU per MB of records, all three together: ${msPerMb.toFixed(2)} ms\n` +
    `checksums and copies by themselves: ${leastMsPerMb.toFixed(2)} ms (ratio ${(msPerMb / leastMsPerMb).toFixed(2)})\n`,
);
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify({ msPerMb, leastMsPerMb }, undefined, 2)}\n`);
}
