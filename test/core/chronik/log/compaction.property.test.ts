import fc from 'fast-check';
import { expect, test } from 'vitest';

import { markerIn } from '../../../../core/chronik/log/batches-in-file.ts';
import { encodeEndMarker } from '../../../../core/wire/kafka/control-records.ts';
import { decodeRecords, encodeBatch } from '../../../../core/wire/kafka/records.ts';
import { SimulatedSegments } from '../../../../sim/disk/segments.ts';
import { seededPrng } from '../../../../sim/prng.ts';
import { World } from '../../../../sim/world.ts';
import { bytes, LogRig, smallLog, text, wallMs } from './log-rig.ts';

interface Written {
  readonly offset: number;
  readonly key: string;
  readonly value: string | undefined;
  /** Of the transaction that it belongs to, which may still go either way. */
  readonly transaction: { outcome: 'open' | 'commit' | 'abort' } | undefined;
}

/** A compacted log on a simulated disk, and all that was ever written to it. */
class Model {
  readonly #world = new World();
  readonly rig: LogRig<SimulatedSegments>;
  written: Written[] = [];
  readonly #open = new Map<number, { outcome: 'open' | 'commit' | 'abort' }>();
  readonly #sequences = new Map<number, number>();
  #now = wallMs;
  readonly #deleteRetentionMs: number;

  constructor(seed: number, deleteRetentionMs: number) {
    const files = new SimulatedSegments({
      world: this.#world,
      prng: seededPrng(`compaction ${seed}`),
      syncMedianUs: 100,
    });
    this.#deleteRetentionMs = deleteRetentionMs;
    this.rig = new LogRig(files, {
      ...smallLog,
      segmentBytesMax: 900,
      deletes: false,
      compacts: true,
      minCleanableDirtyPercent: 1,
      deleteRetentionMs,
      producerIdExpirationMs: Infinity,
    });
  }

  append(
    records: readonly { readonly key: string; readonly value: string | undefined }[],
    producer: number,
  ): void {
    const baseSequence = this.#sequences.get(producer) ?? 0;
    let transaction = this.#open.get(producer);
    if (producer > 0 && transaction === undefined) {
      transaction = { outcome: 'open' };
      this.#open.set(producer, transaction);
    }
    const batch = encodeBatch({
      records: records.map(({ key, value }) => ({
        timestampMs: this.#now,
        key: bytes(key),
        value: value === undefined ? undefined : bytes(value),
      })),
      ...(producer === 0
        ? {}
        : { producerId: producer, producerEpoch: 0, baseSequence, isTransactional: true }),
    });
    const firstOffset = this.rig.log.logEndOffset;
    expect(this.rig.leadBytes(batch, { leaderEpoch: 0, origin: 'client' }).kind).toBe('appended');
    if (producer > 0) this.#sequences.set(producer, baseSequence + records.length);
    records.forEach((each, at) => this.written.push({ ...each, offset: firstOffset + at, transaction }));
  }

  end(producerId: number, outcome: 'commit' | 'abort'): void {
    const transaction = this.#open.get(producerId);
    if (transaction === undefined) return;
    this.#open.delete(producerId);
    transaction.outcome = outcome;
    const marker = encodeEndMarker({
      outcome,
      coordinatorEpoch: 0,
      producerId,
      producerEpoch: 0,
      timestampMs: this.#now,
    });
    this.rig.leadBytes(marker, { leaderEpoch: 0, origin: 'coordinator' });
  }

  sync(): void {
    const told = this.rig.syncSeq;
    this.rig.files.sync(() => this.rig.log.synced(told));
    this.#world.runUntil(this.#world.nowUs + 1_000_000);
  }

  upkeep(): void {
    this.rig.upkeep({ wallMs: this.#now });
  }

  /** All that compaction has to do. */
  settle(): void {
    for (let turn = 0; turn < 200; turn += 1) {
      this.sync();
      this.upkeep();
      if (!this.rig.log.hasMoreUpkeep && turn > 3) return;
    }
    throw new Error('compaction comes to no end');
  }

  wait(): void {
    this.#now += this.#deleteRetentionMs + 1;
  }

  /** Nothing that was appended is lost: what compaction does is the matter here. */
  crash(scope: 'process' | 'machine'): void {
    if (scope === 'machine') this.sync();
    const { logEndOffset } = this.rig.log;
    this.rig.files.crash(scope);
    const log = this.rig.recover();
    expect(log).toMatchObject({ damage: undefined, logEndOffset });
  }

  check(): void {
    const { log } = this.rig;
    const batches = this.rig.batches();
    let next = log.logStartOffset;
    for (const batch of batches) {
      expect(batch.isIntact()).toBe(true);
      expect(batch.baseOffset).toBe(next);
      next = batch.lastOffset + 1;
    }
    expect(next).toBe(log.logEndOffset);
    const stable = log.lastStableOffset(log.logEndOffset);
    const known = new Map(this.written.map((each) => [each.offset, each]));
    const seen = new Map<string, string | undefined>();
    for (const { offset, key, value } of this.#readCommitted(stable)) {
      const original = known.get(offset);
      expect({ key, value }).toEqual({ key: original?.key, value: original?.value });
      expect(original?.transaction?.outcome ?? 'commit').toBe('commit');
      seen.set(key, value);
    }
    const wanted = new Map<string, string | undefined>();
    for (const { offset, key, value, transaction } of this.written) {
      if (offset < stable && (transaction?.outcome ?? 'commit') === 'commit') wanted.set(key, value);
    }
    expect(withoutDeleted(seen)).toEqual(withoutDeleted(wanted));
  }

  /** As a consumer with `read_committed` does it: by the list of aborted transactions and their markers. */
  #readCommitted(stable: number): readonly { offset: number; key: string; value: string | undefined }[] {
    const aborted = [...this.rig.log.abortedTransactions(0, stable)];
    const hidden = new Set<number>();
    const found: { offset: number; key: string; value: string | undefined }[] = [];
    for (const batch of this.rig.batches()) {
      if (batch.lastOffset >= stable) break;
      while ((aborted[0]?.firstOffset ?? Infinity) <= batch.lastOffset)
        hidden.add(aborted.shift()?.producerId ?? 0);
      if (batch.isControl) {
        if (markerIn(batch)?.outcome === 'abort') hidden.delete(batch.producerId);
        continue;
      }
      if (batch.isTransactional && hidden.has(batch.producerId)) continue;
      for (const { offset, key, value } of decodeRecords(batch)) {
        found.push({ offset, key: text(key), value: value === undefined ? undefined : text(value) });
      }
    }
    return found;
  }
}

function withoutDeleted(state: ReadonlyMap<string, string | undefined>): Readonly<Record<string, string>> {
  const left: Record<string, string> = {};
  for (const [key, value] of state) if (value !== undefined) left[key] = value;
  return left;
}

const keyed = fc.record({
  key: fc.constantFrom('a', 'b', 'c', 'd', 'e'),
  value: fc.option(fc.string({ maxLength: 40 }), { nil: undefined }),
});
const operation = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('append' as const),
      records: fc.array(keyed, { minLength: 1, maxLength: 4 }),
      producer: fc.constantFrom(0, 0, 1, 2),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      kind: fc.constant('end' as const),
      producer: fc.constantFrom(1, 2),
      outcome: fc.constantFrom('commit' as const, 'abort' as const),
    }),
  },
  { weight: 6, arbitrary: fc.constant({ kind: 'upkeep' as const }) },
  { weight: 5, arbitrary: fc.constant({ kind: 'sync' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'settle' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'wait' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'check' as const }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('crash' as const),
      scope: fc.constantFrom('process' as const, 'machine' as const),
    }),
  },
);

test('a compacted log gives every key the value that it had last, whenever the process ends', () => {
  let compacted = 0;
  fc.assert(
    fc.property(
      fc.nat(),
      fc.constantFrom(0, 1_000),
      fc.array(operation, { maxLength: 80, size: 'max' }),
      (seed, deleteRetentionMs, operations) => {
        const model = new Model(seed, deleteRetentionMs);
        for (const each of operations) {
          if (each.kind === 'append') model.append(each.records, each.producer);
          else if (each.kind === 'end') model.end(each.producer, each.outcome);
          else if (each.kind === 'crash') model.crash(each.scope);
          else model[each.kind]();
        }
        model.settle();
        model.check();
        if (model.rig.fileNames().some((name) => /^segment_\d+\.\d+\./.test(name))) compacted += 1;
        model.crash('machine');
        model.check();
      },
    ),
    { numRuns: 300 },
  );
  expect(compacted).toBeGreaterThan(150);
});
