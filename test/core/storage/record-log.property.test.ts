import fc from 'fast-check';
import { expect, test } from 'vitest';

import { frameHeaderBytes } from '../../../core/storage/frame.ts';
import { type BatchLocation, type LogDamage, RecordLog } from '../../../core/storage/record-log.ts';
import { type Draw, TornSegments } from './torn-segments.ts';

/** A batch as it was appended, and what its header says of the others. */
interface Written {
  readonly location: BatchLocation;
  readonly payload: Uint8Array;
  readonly syncedBatchSeq: number;
}

/** What the log must hold: an array. */
class Model {
  readonly files = new TornSegments();
  readonly #options: { readonly prefix: string; readonly segmentBytesMax: number };
  log: RecordLog;
  /** From the first batch of the oldest file on. */
  written: Written[] = [];
  /** Durable, whether the log was told or not. */
  synced = 0;

  constructor(segmentBytesMax: number) {
    this.#options = { prefix: 'l', segmentBytesMax };
    this.log = RecordLog.recover(this.files, this.#options).log;
  }

  append(payload: Uint8Array): void {
    const before = this.#known;
    const { location, append } = this.log.append(payload);
    this.files.append(append.file, append.bytes);
    this.written.push({ location, payload, syncedBatchSeq: before });
  }

  sync(tell: boolean): void {
    this.files.sync(() => undefined);
    this.synced = this.log.lastBatchSeq;
    if (tell) this.#tell();
  }

  removeBelow(batchSeq: number): void {
    this.sync(true);
    for (const file of this.log.cutBelow(Math.min(batchSeq, this.log.lastBatchSeq))) {
      this.files.remove(file);
      this.written = this.written.filter(({ location }) => location.file !== file);
    }
  }

  recover(): {
    readonly batches: readonly { location: BatchLocation; payload: Uint8Array }[];
    damage: LogDamage | undefined;
  } {
    const { log, batches, damage } = RecordLog.recover(this.files, this.#options);
    this.log = log;
    this.#known = log.lastBatchSeq;
    return { batches, damage };
  }

  /** Restarts, and checks that the log holds every synced batch, a prefix of the others, and nothing else. */
  restart(): void {
    const { batches, damage } = this.recover();
    expect(damage).toBeUndefined();
    const kept = this.written.slice(0, batches.length);
    expect(batches.map(described)).toEqual(kept.map(described));
    expect(this.log.lastBatchSeq).toBeGreaterThanOrEqual(this.synced);
    expect(kept.at(-1)?.location.batchSeq ?? 0).toBe(this.log.lastBatchSeq);
    for (const { location, payload } of kept) expect(same(this.log.read(location), payload)).toBe(true);
    this.written = kept;
    this.synced = this.log.lastBatchSeq; // What a recovery returns is durable.
  }

  #known = 0;

  #tell(): void {
    this.log.synced(this.synced);
    this.#known = this.synced;
  }
}

type Operation =
  | { readonly kind: 'append'; readonly lengthBytes: number; readonly fill: number }
  | { readonly kind: 'sync'; readonly tell: boolean }
  | { readonly kind: 'removeBelow'; readonly batchSeq: number }
  | { readonly kind: 'crash'; readonly seed: number }
  | { readonly kind: 'restart' };

const lengthBytes = fc.oneof(fc.nat(60), fc.nat(1_500));
/** Byte 0x50 begins a header's magic; zeros look like what never reached the disk. */
const append = fc.record({
  kind: fc.constant('append' as const),
  lengthBytes,
  fill: fc.constantFrom(0, 0x50, 0xff, 7),
});
const sync = fc.record({ kind: fc.constant('sync' as const), tell: fc.boolean() });
const removeBelow = fc.record({ kind: fc.constant('removeBelow' as const), batchSeq: fc.nat(40) });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 12, arbitrary: append },
  { weight: 4, arbitrary: sync },
  { weight: 1, arbitrary: removeBelow },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash' as const), seed: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'restart' as const }) },
);
const segmentBytesMax = fc.constantFrom(1, 300, 2_000, 100_000);

test('after any crash a log holds every synced batch and a prefix of the others, and claims no damage', () => {
  fc.assert(
    fc.property(segmentBytesMax, fc.array(operation, { maxLength: 60 }), (bytesMax, operations) => {
      const model = new Model(bytesMax);
      for (const each of operations) apply(model, each);
      model.files.crash(drawFrom(1));
      model.restart();
    }),
    { numRuns: 600 },
  );
});

test('what is damaged below what a later header vouches for is named exactly, and the rest is kept', () => {
  const hurt = fc.record({
    batch: fc.nat(),
    header: fc.boolean(),
    at: fc.nat(),
    bit: fc.nat(7),
  });
  fc.assert(
    fc.property(
      segmentBytesMax,
      fc.array(fc.oneof({ weight: 5, arbitrary: append }, { weight: 2, arbitrary: sync }, removeBelow), {
        minLength: 2,
        maxLength: 40,
      }),
      fc.array(hurt, { minLength: 1, maxLength: 4 }),
      (bytesMax, operations, hurts) => {
        const model = new Model(bytesMax);
        for (const each of operations) apply(model, each);
        model.sync(false);
        fc.pre(model.written.length > 0);
        const broken = new Map<number, { header: boolean }>();
        for (const each of hurts) hurtBatch(model, broken, each);

        const { kept, damage } = expected(model.written, broken);
        for (let restart = 0; restart < 2; restart += 1) {
          const found = model.recover();
          expect(found.damage).toEqual(damage);
          expect(found.batches.map(described)).toEqual(kept.map(described));
          if (damage === undefined) return; // What was cut bears no more witness.
          model.files.crash(drawFrom(restart));
        }
      },
    ),
    { numRuns: 600 },
  );
});

test('files that were lost, emptied or cut short below what a later header vouches for are named exactly', () => {
  fc.assert(
    fc.property(
      fc.array(fc.oneof({ weight: 5, arbitrary: append }, { weight: 2, arbitrary: sync }), {
        minLength: 10,
        maxLength: 60,
      }),
      fc.nat(),
      fc.option(fc.nat(), { nil: undefined }),
      (operations, which, cutTo) => {
        const model = new Model(500);
        for (const each of operations) apply(model, each);
        model.sync(false);
        const files = [...new Set(model.written.map(({ location }) => location.file))];
        fc.pre(files.length > 2);
        // Not the first: whether that was removed rightly, only the log's owner knows.
        const file = files[1 + (which % (files.length - 2))] ?? '';
        const [found] = model.files.list(file);
        const length = cutTo === undefined ? -1 : cutTo % (found?.lengthBytes ?? 1);
        if (length < 0) model.files.remove(file);
        else model.files.damage(file, (bytes) => bytes.subarray(0, length));

        const broken = new Map<number, { header: boolean }>();
        for (const { location } of model.written) {
          if (location.file !== file || location.positionBytes + location.lengthBytes <= length) continue;
          broken.set(location.batchSeq, { header: location.positionBytes + frameHeaderBytes > length });
        }
        const { kept, damage } = expected(model.written, broken);
        const recovered = model.recover();
        expect(recovered.damage).toEqual(damage);
        expect(recovered.batches.map(described)).toEqual(kept.map(described));
      },
    ),
    { numRuns: 300 },
  );
});

function apply(model: Model, operation: Operation): void {
  switch (operation.kind) {
    case 'append':
      model.append(new Uint8Array(operation.lengthBytes).fill(operation.fill));
      break;
    case 'sync':
      model.sync(operation.tell);
      break;
    case 'removeBelow':
      model.removeBelow(operation.batchSeq);
      break;
    case 'crash':
      model.files.crash(drawFrom(operation.seed));
      model.restart();
      break;
    case 'restart':
      model.restart();
      break;
  }
}

function hurtBatch(
  model: Model,
  broken: Map<number, { header: boolean }>,
  hurt: { readonly batch: number; readonly header: boolean; readonly at: number; readonly bit: number },
): void {
  const written = model.written[hurt.batch % model.written.length];
  if (written === undefined || broken.has(written.location.batchSeq)) return;
  const { location, payload } = written;
  const header = hurt.header || payload.length === 0;
  const at = header ? hurt.at % frameHeaderBytes : frameHeaderBytes + (hurt.at % payload.length);
  model.files.damage(location.file, (bytes) => {
    const position = location.positionBytes + at;
    bytes[position] = (bytes[position] ?? 0) ^ (1 << hurt.bit);
    return bytes;
  });
  // The payload's checksum, too, is part of the header: that header is then as good as gone.
  broken.set(location.batchSeq, { header });
}

/** The rule, said over the array of what was written. */
function expected(
  written: readonly Written[],
  broken: ReadonlyMap<number, { readonly header: boolean }>,
): { kept: readonly Written[]; damage: LogDamage | undefined } {
  const first = written[0]?.location.batchSeq ?? 1;
  let vouched = first > 1 ? first : 0; // Older files were removed: this batch was durable before.
  for (const { location, syncedBatchSeq } of written) {
    if (broken.get(location.batchSeq)?.header !== true) vouched = Math.max(vouched, syncedBatchSeq);
  }
  const lost = [...broken.keys()]
    .filter((batchSeq) => batchSeq <= vouched)
    .sort((left, right) => left - right);
  const end = Math.min(Infinity, ...[...broken.keys()].filter((batchSeq) => batchSeq > vouched));
  const kept = written.filter(({ location }) => location.batchSeq < end && !broken.has(location.batchSeq));
  const [from, to] = [lost[0], lost.at(-1)];
  return {
    kept,
    damage: from === undefined || to === undefined ? undefined : { fromBatchSeq: from, toBatchSeq: to },
  };
}

function described({ location, payload }: { location: BatchLocation; payload: Uint8Array }): unknown {
  return { ...location, length: payload.length, byte: payload[0] };
}

function same(left: Uint8Array, right: Uint8Array): boolean {
  return left.length === right.length && left.every((byte, at) => byte === right[at]);
}

/** A small generator of its own (xorshift), so that a crash is a value that fast-check can print and shrink. */
function drawFrom(seed: number): Draw {
  let state = (seed ^ 0x9e37_79b9) >>> 0 || 1;
  return (bound) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % bound;
  };
}
