import fc from 'fast-check';
import { expect, test } from 'vitest';

import { type LogConfig } from '../../../../core/chronik/log/config.ts';
import { markerIn } from '../../../../core/chronik/log/batches-in-file.ts';
import { type EpochEnd, type FoundOffset } from '../../../../core/chronik/log/outcomes.ts';
import { Producers } from '../../../../core/chronik/log/producers.ts';
import { type RecordBatch } from '../../../../core/wire/kafka/record-batch.ts';
import { encodeEndMarker } from '../../../../core/wire/kafka/control-records.ts';
import { decodeRecords, encodeBatch } from '../../../../core/wire/kafka/records.ts';
import { SimulatedSegments } from '../../../../sim/disk/segments.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { World } from '../../../../sim/world.ts';
import { LogRig, record, smallLog, wallMs } from './log-rig.ts';

/** A log on a simulated disk, and what it must hold: a list of batches. */
class Model {
  readonly #world = new World();
  readonly rig: LogRig<SimulatedSegments>;
  /** All that was ever appended and not cut, what was deleted included. */
  batches: RecordBatch[] = [];
  /** How many of them are on the disk, whether the log knows or not. */
  synced = 0;
  #covered = 0;
  #syncing = false;
  epoch = 0;
  /** Where the first batch begins, or would. */
  #base = 0;
  readonly #sequences = new Map<number, number>();

  constructor(seed: number, config: LogConfig) {
    const prng = seededPrng(`log ${seed}`);
    const files = new SimulatedSegments({ world: this.#world, prng, syncMedianUs: 100 });
    this.rig = new LogRig(files, { ...config, producerIdExpirationMs: Infinity });
  }

  append(given: {
    count: number;
    lengthBytes: number;
    age: number;
    producer: number;
    transactional: boolean;
  }): void {
    const { count, lengthBytes, age, producer, transactional } = given;
    const open = this.#openProducers().has(producer);
    const baseSequence = this.#sequences.get(producer) ?? 0;
    const records = Array.from({ length: count }, (_, at) =>
      record(`${this.batches.length}-${at}`.padEnd(lengthBytes, '.'), wallMs - age + at),
    );
    const isTransactional = producer > 0 && (transactional || open);
    const batch = encodeBatch({
      records,
      ...(producer === 0 ? {} : { producerId: producer, producerEpoch: 0, baseSequence, isTransactional }),
    });
    const outcome = this.rig.leadBytes(batch, { leaderEpoch: this.epoch, origin: 'client' });
    expect(outcome).toMatchObject({ kind: 'appended' });
    if (producer > 0) this.#sequences.set(producer, baseSequence + count);
    this.#took();
  }

  end(producerId: number, outcome: 'commit' | 'abort'): void {
    if (!this.#openProducers().has(producerId)) return;
    const marker = encodeEndMarker({
      outcome,
      coordinatorEpoch: 1,
      producerId,
      producerEpoch: 0,
      timestampMs: wallMs,
    });
    const appended = this.rig.leadBytes(marker, { leaderEpoch: this.epoch, origin: 'coordinator' });
    expect(appended).toMatchObject({ kind: 'appended' });
    this.#took();
  }

  beginSync(): void {
    if (this.#syncing) return;
    this.#syncing = true;
    this.#covered = this.batches.length;
    const told = this.rig.syncSeq;
    this.rig.files.sync(() => {
      this.#syncing = false;
      this.synced = Math.max(this.synced, this.#covered);
      this.rig.log.synced(told);
    });
  }

  endSync(): void {
    this.#world.runUntil(this.#world.nowUs + 1_000_000);
  }

  truncate(share: number): void {
    const { logStartOffset, logEndOffset } = this.rig.log;
    const offset = logStartOffset + Math.floor(((logEndOffset - logStartOffset) * share) / 100);
    this.rig.truncateTo(offset);
    this.batches = this.batches.filter(({ lastOffset }) => lastOffset < offset);
    this.synced = Math.min(this.synced, this.batches.length);
    this.#covered = Math.min(this.#covered, this.batches.length);
    // The log's start lay inside the batch that went.
    if (this.rig.log.logEndOffset > this.#end) this.#begunAnew();
    this.epoch += 1;
    this.#recount();
  }

  restart(ahead: number): void {
    this.rig.cut(this.rig.log.restartAt(this.rig.log.logEndOffset + ahead));
    this.#begunAnew();
  }

  deleteTo(share: number): void {
    const { logStartOffset, syncedEndOffset } = this.rig.log;
    if (syncedEndOffset <= logStartOffset) return;
    const offset = logStartOffset + Math.floor(((syncedEndOffset - logStartOffset) * share) / 100);
    this.rig.carryOut(this.rig.log.deleteTo(offset));
  }

  crash(scope: 'process' | 'machine'): void {
    const before = this.rig.log;
    this.rig.files.crash(scope);
    this.#syncing = false;
    const log = this.rig.recover();
    expect(log.damage).toBeUndefined();
    expect(log.logStartOffset).toBeLessThanOrEqual(before.logStartOffset);
    const kept = this.batches.filter(({ lastOffset }) => lastOffset < log.logEndOffset);
    expect(kept.length).toBeGreaterThanOrEqual(this.synced);
    // A log that began anew and has nothing on the disk yet may not know where.
    if (kept.length === 0 && this.synced === 0 && log.logEndOffset === 0) this.#base = 0;
    expect(kept.at(-1)?.lastOffset ?? this.#base - 1).toBe(log.logEndOffset - 1);
    if (scope === 'process') expect(kept.length).toBe(this.batches.length);
    this.batches = kept;
    this.synced = kept.length;
    this.#recount();
    this.epoch += 1;
  }

  /** Everything that the log says, against what a look at all its batches says. */
  check(): void {
    const { log } = this.rig;
    const { logStartOffset, logEndOffset } = log;
    const wanted = this.batches.filter(({ lastOffset }) => lastOffset >= logStartOffset);
    expect(hex(this.rig.batches())).toEqual(hex(wanted));
    this.#checkProducers();
    for (let epoch = 0; epoch <= this.epoch; epoch += 1) {
      const end = naiveEpochEnd(this.batches, epoch, logEndOffset);
      const found = log.endOffsetOfEpoch(epoch);
      // What ended in front of the start may be forgotten.
      if (found !== undefined || (end?.endOffset ?? 0) > logStartOffset) expect(found).toEqual(end);
    }
    for (const { maxTimestampMs } of wanted) {
      for (const timestampMs of [maxTimestampMs, maxTimestampMs + 1]) {
        expect(log.offsetOfTimestamp(timestampMs)).toEqual(
          naiveOffsetOf(wanted, timestampMs, logStartOffset),
        );
      }
    }
    for (const bytesMax of [1, 150, 700])
      expect(hex(this.rig.batches(logStartOffset, bytesMax))).toEqual(hex(wanted));
    for (let offset = logStartOffset; offset < logEndOffset; offset += 3) this.#checkRead(wanted, offset);
  }

  #checkRead(wanted: readonly RecordBatch[], fromOffset: number): void {
    const found = this.rig.log.read({
      fromOffset,
      toOffset: fromOffset + 5,
      bytesMax: 400,
      minOneBatch: true,
    });
    const first = wanted.find(({ lastOffset }) => lastOffset >= fromOffset);
    if (first === undefined || first.lastOffset >= fromOffset + 5) {
      expect(found).toBeUndefined();
      return;
    }
    const bytes = found === undefined ? new Uint8Array(0) : this.rig.bytesOf(found);
    expect(bytes.subarray(0, first.sizeBytes)).toEqual(first.bytes);
    if (bytes.length > first.sizeBytes) expect(bytes.length).toBeLessThanOrEqual(400);
  }

  #checkProducers(): void {
    const { log } = this.rig;
    const naive = this.#naiveProducers();
    naive.transactions.forgetBelow(log.logStartOffset);
    expect(log.activeProducers()).toEqual(naive.active());
    expect(log.firstUnstableOffset).toBe(naive.transactions.firstOpenOffset);
    expect(log.abortedTransactions(0, log.logEndOffset)).toEqual(
      naive.transactions.abortedIn(0, log.logEndOffset),
    );
    expect(log.lastStableOffset(log.logEndOffset)).toBe(
      naive.transactions.lastStableOffset(log.logEndOffset),
    );
  }

  get #end(): number {
    return (this.batches.at(-1)?.lastOffset ?? this.#base - 1) + 1;
  }

  #naiveProducers(): Producers {
    const naive = new Producers();
    for (const batch of this.batches) naive.note(batch, markerIn(batch));
    return naive;
  }

  #openProducers(): ReadonlyMap<number, number> {
    return this.#naiveProducers().transactions.open;
  }

  #took(): void {
    this.batches.push(...this.rig.batches(this.#end));
  }

  /** Producers go on behind what the log has, as they would after being told of it. */
  #recount(): void {
    this.#sequences.clear();
    for (const { producerId, lastSequence } of this.batches) {
      if (lastSequence >= 0) this.#sequences.set(producerId, lastSequence + 1);
    }
  }

  #begunAnew(): void {
    this.#base = this.rig.log.logEndOffset;
    this.batches = [];
    this.synced = 0;
    this.#covered = 0;
    this.#recount();
  }
}

type Operation =
  | {
      kind: 'append';
      count: number;
      lengthBytes: number;
      age: number;
      producer: number;
      transactional: boolean;
    }
  | { kind: 'end'; producer: number; outcome: 'commit' | 'abort' }
  | { kind: 'truncate' | 'delete'; share: number }
  | { kind: 'restart'; ahead: number }
  | { kind: 'crash'; scope: 'process' | 'machine' }
  | { kind: 'beginSync' | 'endSync' | 'upkeep' | 'check' };

const operation: fc.Arbitrary<Operation> = fc.oneof(
  {
    weight: 14,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      count: fc.integer({ min: 1, max: 5 }),
      lengthBytes: fc.oneof(fc.nat(30), fc.nat(400)),
      age: fc.nat(5_000),
      producer: fc.nat(3),
      transactional: fc.boolean(),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      producer: fc.integer({ min: 1, max: 3 }),
      outcome: fc.constantFrom('commit' as const, 'abort' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('truncate' as const), share: fc.integer({ min: 30, max: 99 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('delete' as const), share: fc.integer({ min: 1, max: 100 }) }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('restart' as const), ahead: fc.nat(9) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      scope: fc.constantFrom('process' as const, 'machine' as const),
    }),
  },
  {
    weight: 9,
    arbitrary: fc.record({
      kind: fc.constantFrom('beginSync' as const, 'endSync' as const, 'upkeep' as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('check' as const) }) },
);

const config = fc.record({
  segmentBytesMax: fc.constantFrom(2_300, 6_000, 100_000),
  indexIntervalBytes: fc.constantFrom(1, 300, 5_000),
  checkpointBytes: fc.constantFrom(1, 500, 100_000),
});

test('after any crash a log holds what was synced and a prefix of the rest, and all that follows from it', () => {
  fc.assert(
    fc.property(
      fc.nat(),
      config,
      fc.array(operation, { maxLength: 60, size: 'max' }),
      (seed, drawn, operations) => {
        const model = new Model(seed, { ...smallLog, ...drawn });
        for (const each of operations) apply(model, each);
        model.check();
        model.crash('machine');
        model.check();
      },
    ),
    { numRuns: 200 },
  );
});

function apply(model: Model, each: Operation): void {
  switch (each.kind) {
    case 'append':
      model.append(each);
      break;
    case 'end':
      model.end(each.producer, each.outcome);
      break;
    case 'truncate':
      model.truncate(each.share);
      break;
    case 'restart':
      model.restart(each.ahead);
      break;
    case 'delete':
      model.deleteTo(each.share);
      break;
    case 'crash':
      model.crash(each.scope);
      break;
    case 'beginSync':
      model.beginSync();
      break;
    case 'endSync':
      model.endSync();
      break;
    case 'upkeep':
      model.rig.upkeep({ wallMs, highWatermark: model.rig.log.syncedEndOffset });
      break;
    case 'check':
      model.check();
      break;
  }
}

function naiveEpochEnd(
  batches: readonly RecordBatch[],
  epoch: number,
  endOffset: number,
): EpochEnd | undefined {
  const last = batches.at(-1)?.leaderEpoch ?? -1;
  const floor = batches.findLast(({ leaderEpoch }) => leaderEpoch <= epoch);
  if (epoch > last || floor === undefined) return undefined;
  const next = batches.find(({ leaderEpoch }) => leaderEpoch > floor.leaderEpoch);
  return { epoch: floor.leaderEpoch, endOffset: next?.baseOffset ?? endOffset };
}

function naiveOffsetOf(
  batches: readonly RecordBatch[],
  timestampMs: number,
  logStartOffset: number,
): FoundOffset | undefined {
  for (const batch of batches) {
    const found = decodeRecords(batch).find(
      (each) => each.timestampMs >= timestampMs && each.offset >= logStartOffset,
    );
    if (found === undefined) continue;
    return { offset: found.offset, timestampMs: found.timestampMs, leaderEpoch: batch.leaderEpoch };
  }
  return undefined;
}

function hex(batches: readonly RecordBatch[]): readonly string[] {
  return batches.map(({ bytes }) => Array.from(bytes, (byte) => byte.toString(16)).join(' '));
}
