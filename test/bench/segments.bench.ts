/**
 * Segment files against the file system by itself, in one run: what `FileSegments` costs over append and fdatasync, at
 * batches of 1, 16 and 256 records of 256 bytes. Absolute figures are the machine's; the ratio is ours.
 *
 * `npm run bench -- segments [--seconds N] [--dir DIR] [--json FILE]`
 */
import {
  closeSync,
  fdatasync,
  mkdtempSync,
  openSync,
  rmSync,
  writeFileSync,
  writev,
  writevSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';

import { FileSegments } from '../../adapters/segments/file-segments.ts';
import { RecordLog } from '../../core/storage/record-log.ts';

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '1' },
    dir: { type: 'string', default: tmpdir() },
    json: { type: 'string' },
  },
});
const seconds = Number(values.seconds);
if (!(seconds > 0)) throw new Error(`--seconds is ${values.seconds}, it must be a number above 0`);
const base = values.dir;
const record = new Uint8Array(256).fill(7);

/** Runs rounds one after another, each ending in its callback; returns µs of each. */
async function measure(round: (onEnd: () => void) => void, forSeconds: number): Promise<number[]> {
  const durationsUs: number[] = [];
  const endMs = performance.now() + forSeconds * 1_000;
  await new Promise<void>((resolve) => {
    const next = (): void => {
      const startMs = performance.now();
      if (startMs >= endMs) return resolve();
      round(() => {
        durationsUs.push((performance.now() - startMs) * 1_000);
        next();
      });
    };
    next();
  });
  return durationsUs;
}

function fail(error: unknown): void {
  if (error !== null && error !== undefined) throw new Error('a sync failed', { cause: error });
}

type Contender = (dir: string, batch: number) => { round: (onEnd: () => void) => void; close: () => void };

/** The yardstick: the same bytes, one system call for the write and one for the sync. */
const raw =
  (synchronousWrite: boolean): Contender =>
  (dir, batch) => {
    const descriptor = openSync(join(dir, 'raw'), 'a');
    const parts = Array.from({ length: batch }, () => record);
    const sync = (onEnd: () => void): void =>
      fdatasync(descriptor, (error) => {
        fail(error);
        onEnd();
      });
    return {
      round: (onEnd) => {
        if (synchronousWrite) {
          writevSync(descriptor, parts);
          sync(onEnd);
        } else {
          writev(descriptor, parts, (error) => {
            fail(error);
            sync(onEnd);
          });
        }
      },
      close: () => closeSync(descriptor),
    };
  };

/** One append of the port a record. */
const fileSegments: Contender = (dir, batch) => {
  const files = FileSegments.open({ dir });
  return {
    round: (onEnd) => {
      for (let at = 0; at < batch; at += 1) files.append('segment', record);
      files.sync((failure) => {
        fail(failure);
        onEnd();
      });
    },
    close: () => files.close(),
  };
};

/** A log with a frame a record, as a machine that steps one request at a time makes them. */
const recordLog: Contender = (dir, batch) => {
  const files = FileSegments.open({ dir });
  const { log } = RecordLog.recover(files, { prefix: 'log/', segmentBytesMax: 67_108_864 });
  return {
    round: (onEnd) => {
      for (let at = 0; at < batch; at += 1) {
        const { append } = log.append(record);
        files.append(append.file, append.bytes);
      }
      const last = log.lastBatchSeq;
      files.sync((failure) => {
        fail(failure);
        log.synced(last);
        onEnd();
      });
    },
    close: () => files.close(),
  };
};

const contenders: readonly [string, Contender][] = [
  ['raw writevSync', raw(true)],
  ['raw writev', raw(false)],
  ['FileSegments', fileSegments],
  ['RecordLog', recordLog],
];

/** Contenders take turns in short slices, so that what else the machine does meets all of them alike. */
const slices = 5;

const results: unknown[] = [];

console.log(`${seconds} s each, records of ${record.length} bytes, in ${base}`);
console.log('contender       batch   syncs/s  records/s   p50 µs   p99 µs   of raw');
for (const batch of [1, 16, 256]) {
  const runs = contenders.map(([name, contender]) => {
    const dir = mkdtempSync(join(base, 'photon-bench-'));
    return { name, dir, ...contender(dir, batch), durationsUs: [] as number[] };
  });
  for (let slice = 0; slice < slices; slice += 1) {
    for (const run of runs) run.durationsUs.push(...(await measure(run.round, seconds / slices)));
  }
  const yardstick = runs[0]?.durationsUs.length ?? 0;
  for (const { name, dir, durationsUs, close } of runs) {
    durationsUs.sort((left, right) => left - right);
    const p = (share: number): number => durationsUs[Math.floor(durationsUs.length * share)] ?? 0;
    const perSecond = durationsUs.length / seconds;
    const columns = [
      perSecond.toFixed(0),
      (perSecond * batch).toFixed(0),
      p(0.5).toFixed(0),
      p(0.99).toFixed(0),
    ];
    const ratio = (durationsUs.length / yardstick).toFixed(2);
    console.log(
      `${name.padEnd(15)} ${String(batch).padStart(5)} ${columns.map((column) => column.padStart(9)).join(' ')} ${ratio.padStart(8)}`,
    );
    results.push({
      name,
      batch,
      syncsPerSecond: perSecond,
      recordsPerSecond: perSecond * batch,
      p50Us: p(0.5),
      p99Us: p(0.99),
      ofRaw: durationsUs.length / yardstick,
    });
    close();
    rmSync(dir, { recursive: true });
  }
}
if (values.json !== undefined) writeFileSync(values.json, `${JSON.stringify(results, undefined, 2)}\n`);
