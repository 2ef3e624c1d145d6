/**
 * A partition's log by itself: what it costs the machine to take in batches as a leader and as a follower, and to name them
 * for a reader. Files take nothing: what the disk costs is another matter (segments.bench.ts). Figures are of one core.
 *
 * `npm run bench -- partition-log [--seconds N] [--json FILE]`
 */
import { writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';

import { defaultLogConfig } from '../../core/chronik/log/config.ts';
import { PartitionLog } from '../../core/chronik/log/partition-log.ts';
import { noBytes } from '../../core/base/bytes.ts';
import { type SegmentRepair } from '../../core/storage/segment-files.ts';
import { RecordBatch } from '../../core/wire/kafka/record-batch.ts';
import { encodeBatch } from '../../core/wire/kafka/records.ts';

const { values } = parseArgs({
  options: { seconds: { type: 'string', default: '1' }, json: { type: 'string' } },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error(`--seconds is ${values.seconds}, it must be a number above 0`);

const nothing: SegmentRepair = {
  list: () => [],
  read: () => noBytes,
  truncate: () => undefined,
  remove: () => undefined,
};
const config = { ...defaultLogConfig, messageBytesMax: 16_777_216 };
const wallMs = 1_700_000_000_000;

function batchOf(records: number, valueBytes: number, more: object = {}): Uint8Array {
  const value = new Uint8Array(valueBytes).fill(7);
  return encodeBatch({
    records: Array.from({ length: records }, () => ({ timestampMs: wallMs, value })),
    ...more,
  });
}

/** Runs until the time is over; returns rounds a second of processor time, of which others may take as much as they like. */
function measure(round: (at: number) => void): number {
  for (let at = 0; at < 500; at += 1) round(at);
  const before = process.cpuUsage();
  let rounds = 0;
  for (;;) {
    for (let inner = 0; inner < 50; inner += 1) round(500 + rounds + inner);
    rounds += 50;
    const { user, system } = process.cpuUsage(before);
    if (user + system >= seconds * 1_000_000) return rounds / ((user + system) / 1_000_000);
  }
}

function newLog(): { log: PartitionLog; told: () => void } {
  const log = PartitionLog.recover(nothing, { directory: 'partitions/bench-0.1', config });
  let syncSeq = 0;
  return {
    log,
    told: () => {
      syncSeq += 1;
      log.written(syncSeq);
      log.synced(syncSeq);
    },
  };
}

const shapes = [
  { name: '1 record of 100 B', records: 1, valueBytes: 100 },
  { name: '100 records of 1 KB', records: 100, valueBytes: 1_024 },
  { name: '1,000 records of 1 KB', records: 1_000, valueBytes: 1_024 },
] as const;

const results: { what: string; shape: string; batchesPerSecond: number; megabytesPerSecond: number }[] = [];
for (const { name, records, valueBytes } of shapes) {
  const leading = newLog();
  const batch = batchOf(records, valueBytes, { producerId: 1, producerEpoch: 0, baseSequence: 0 });
  const plain = batchOf(records, valueBytes);
  const put = (what: string, batchesPerSecond: number): void => {
    const megabytesPerSecond = (batchesPerSecond * batch.length) / 1_000_000;
    results.push({ what, shape: name, batchesPerSecond, megabytesPerSecond });
  };
  const lead = (bytes: Uint8Array): void => {
    const outcome = leading.log.appendAsLeader(bytes, { leaderEpoch: 0, wallMs, origin: 'client' });
    if (outcome.kind !== 'appended') throw new Error(outcome.kind);
    leading.told();
  };
  put(
    'leader',
    measure(() => lead(plain)),
  );
  const following = newLog();
  put(
    'follower',
    measure(() => {
      new RecordBatch(plain).stamp({ baseOffset: following.log.logEndOffset, leaderEpoch: 0 });
      if (following.log.appendAsFollower(plain).kind !== 'appended') throw new Error('refused');
      following.told();
    }),
  );
  const end = leading.log.logEndOffset;
  put(
    'read near the end',
    measure((at) => {
      const fromOffset = end - records * (1 + (at % 500));
      const slice = leading.log.read({ fromOffset, toOffset: end, bytesMax: 1_048_576, minOneBatch: true });
      if (slice === undefined) throw new Error('nothing to read');
    }),
  );
}

console.log('what'.padEnd(20), 'batch'.padEnd(24), 'batches/s'.padStart(12), 'MB/s'.padStart(10));
for (const { what, shape, batchesPerSecond, megabytesPerSecond } of results) {
  const shown = what === 'read near the end' ? '' : megabytesPerSecond.toFixed(0);
  console.log(
    what.padEnd(20),
    shape.padEnd(24),
    batchesPerSecond.toFixed(0).padStart(12),
    shown.padStart(10),
  );
}
if (values.json !== undefined) writeFileSync(values.json, JSON.stringify(results, undefined, 2));
