import { createRequire } from 'node:module';
import fc from 'fast-check';
import type sortedBtree from 'sorted-btree';
import { expect, test } from 'vitest';

import { InvariantError } from '../../../core/base/assert.ts';
import { OrderedMap, type KeyRange } from '../../../core/base/ordered-map.ts';

/** Required, since loaders disagree on what the default export of this CommonJS package is. */
const BTree = (createRequire(import.meta.url)('sorted-btree') as typeof sortedBtree).default;
type BTree = InstanceType<typeof BTree<string, number>>;

/** A copy that shares nodes with others, and what it should hold. */
interface Pair {
  readonly map: OrderedMap<number>;
  readonly model: BTree;
}

type Model = { pairs: number };
interface Real {
  readonly pairs: Pair[];
}

const pairsMax = 5;

function keyOf(value: number): string {
  return `k${String(value).padStart(5, '0')}`;
}

function pairOf(real: Real, index: number): Pair {
  return real.pairs[index % real.pairs.length] as Pair;
}

function expected(model: BTree, { from, to, reverse, limit }: KeyRange): [string, number][] {
  const rows = [...model.entries(from)].filter(([key]) => to === undefined || key < to);
  if (reverse) rows.reverse();
  return rows.slice(0, limit);
}

abstract class OnPair implements fc.Command<Model, Real> {
  readonly index: number;

  constructor(index: number) {
    this.index = index;
  }

  check(): boolean {
    return true;
  }

  abstract run(model: Model, real: Real): void;
}

class SetKey extends OnPair {
  readonly key: string;
  readonly value: number;

  constructor(index: number, key: string, value: number) {
    super(index);
    this.key = key;
    this.value = value;
  }

  run(_: Model, real: Real): void {
    const { map, model } = pairOf(real, this.index);
    map.set(this.key, this.value);
    model.set(this.key, this.value);
    expect(map.get(this.key)).toBe(this.value);
    expect(map.size).toBe(model.size);
  }

  override toString(): string {
    return `${this.index}.set(${JSON.stringify(this.key)}, ${this.value})`;
  }
}

class DeleteKey extends OnPair {
  readonly key: string;

  constructor(index: number, key: string) {
    super(index);
    this.key = key;
  }

  run(_: Model, real: Real): void {
    const { map, model } = pairOf(real, this.index);
    expect(map.has(this.key)).toBe(model.has(this.key));
    expect(map.delete(this.key)).toBe(model.delete(this.key));
    expect(map.get(this.key)).toBe(undefined);
    expect(map.size).toBe(model.size);
  }

  override toString(): string {
    return `${this.index}.delete(${JSON.stringify(this.key)})`;
  }
}

interface Run {
  readonly from: number;
  readonly count: number;
  readonly step: number;
}

/** Long runs, up and down: what makes trees deep, and shallow again. */
class SetRun extends OnPair {
  readonly keys: Run;

  constructor(index: number, keys: Run) {
    super(index);
    this.keys = keys;
  }

  run(_: Model, real: Real): void {
    const { map, model } = pairOf(real, this.index);
    for (let at = 0; at < this.keys.count; at += 1) {
      const key = keyOf(this.keys.from + at * this.keys.step);
      map.set(key, at);
      model.set(key, at);
    }
    expect(map.size).toBe(model.size);
  }

  override toString(): string {
    return `${this.index}.setRun(${JSON.stringify(this.keys)})`;
  }
}

class DeleteRun extends OnPair {
  readonly keys: Run;

  constructor(index: number, keys: Run) {
    super(index);
    this.keys = keys;
  }

  run(_: Model, real: Real): void {
    const { map, model } = pairOf(real, this.index);
    for (let at = 0; at < this.keys.count; at += 1) {
      const key = keyOf(this.keys.from + at * this.keys.step);
      expect(map.delete(key)).toBe(model.delete(key));
    }
    expect(map.size).toBe(model.size);
  }

  override toString(): string {
    return `${this.index}.deleteRun(${JSON.stringify(this.keys)})`;
  }
}

class Clone extends OnPair {
  run(state: Model, real: Real): void {
    const { map, model } = pairOf(real, this.index);
    const copy = { map: map.clone(), model: model.clone() as BTree };
    if (real.pairs.length < pairsMax) real.pairs.push(copy);
    else real.pairs[(this.index + 1) % pairsMax] = copy;
    state.pairs = real.pairs.length;
  }

  override toString(): string {
    return `${this.index}.clone()`;
  }
}

class ReadRange extends OnPair {
  readonly bounds: KeyRange;

  constructor(index: number, bounds: KeyRange) {
    super(index);
    this.bounds = bounds;
  }

  run(_: Model, real: Real): void {
    const { map, model } = pairOf(real, this.index);
    expect([...map.range(this.bounds)]).toEqual(expected(model, this.bounds));
  }

  override toString(): string {
    return `${this.index}.range(${JSON.stringify(this.bounds)})`;
  }
}

const keys = fc.oneof(
  { weight: 4, arbitrary: fc.integer({ min: 0, max: 6_000 }).map(keyOf) },
  {
    weight: 1,
    arbitrary: fc.string({ unit: fc.constantFrom('\x00', '\x01', 'k', '\xfe', '\xff'), maxLength: 4 }),
  },
);
const runs = fc.record({
  from: fc.integer({ min: 0, max: 5_000 }),
  count: fc.integer({ min: 1, max: 1_500 }),
  step: fc.constantFrom(1, 1, 2, 3, -1),
});
const indexes = fc.nat(pairsMax - 1);
const bounds = fc.record(
  {
    from: fc.oneof(keys, fc.constant('')),
    to: keys,
    reverse: fc.boolean(),
    limit: fc.oneof(fc.nat(5), fc.nat(2_000)),
  },
  { requiredKeys: ['from'] },
);

test('is the ordered map that sorted-btree is, and so is each of its clones, whatever happens to the others', () => {
  const commands = fc.commands(
    [
      fc.tuple(indexes, keys, fc.nat()).map((given) => new SetKey(...given)),
      fc.tuple(indexes, keys).map((given) => new DeleteKey(...given)),
      fc.tuple(indexes, runs).map((given) => new SetRun(...given)),
      fc.tuple(indexes, runs).map((given) => new DeleteRun(...given)),
      fc.tuple(indexes, runs).map((given) => new DeleteRun(...given)),
      indexes.map((index) => new Clone(index)),
      fc.tuple(indexes, bounds).map((given) => new ReadRange(...given)),
      fc.tuple(indexes, bounds).map((given) => new ReadRange(...given)),
    ],
    { maxCommands: 60, size: 'max' },
  );
  fc.assert(
    fc.property(commands, (sequence) => {
      const real: Real = { pairs: [{ map: new OrderedMap(), model: new BTree<string, number>() }] };
      fc.modelRun(() => ({ model: { pairs: 1 }, real }), sequence);
      for (const { map, model } of real.pairs) {
        const rows = model.toArray();
        expect([...map.range({ from: '' })]).toEqual(rows);
        expect([...map.range({ from: '', reverse: true })]).toEqual(rows.reverse());
        expect(map.size).toBe(rows.length);
        expect(map.last()).toEqual(rows[0]);
        expect(map.first()).toEqual(rows.at(-1));
      }
    }),
    { numRuns: 60 },
  );
});

test('every range of a small map holds exactly what lies between its bounds', () => {
  const map = new OrderedMap<number>();
  const all = Array.from({ length: 70 }, (_, at) => keyOf(at * 2 + 1));
  all.forEach((key, at) => map.set(key, at));
  for (let low = 0; low <= 142; low += 1) {
    for (let high = 0; high <= 142; high += 1) {
      const inside = all.filter((key) => key >= keyOf(low) && key < keyOf(high));
      const range = { from: keyOf(low), to: keyOf(high) };
      expect(Array.from(map.range(range), ([key]) => key)).toEqual(inside);
      expect(map.count(range.from, range.to)).toBe(inside.length);
      expect(Array.from(map.range({ ...range, reverse: true }), ([key]) => key)).toEqual(inside.reverse());
    }
  }
});

test('survives being filled in any order and emptied in any order', () => {
  const shuffled = fc.shuffledSubarray(
    Array.from({ length: 3_000 }, (_, at) => at),
    { minLength: 2_500 },
  );
  fc.assert(
    fc.property(shuffled, shuffled, (inserts, deletes) => {
      const map = new OrderedMap<number>();
      for (const value of inserts) map.set(keyOf(value), value);
      const left = new Set(inserts);
      const before = map.clone();
      for (const value of deletes) expect(map.delete(keyOf(value))).toBe(left.delete(value));
      expect(Array.from(map.range({ from: '' }), ([, value]) => value)).toEqual(
        [...left].sort((a, b) => a - b),
      );
      for (const value of left) map.delete(keyOf(value));
      expect([map.size, map.first(), map.last()]).toEqual([0, undefined, undefined]);
      expect([...map.range({ from: '' }), ...map.range({ from: '', reverse: true })]).toEqual([]);
      expect(before.size).toBe(inserts.length);
    }),
    { numRuns: 5 },
  );
});

test('an entry whose value is undefined is there', () => {
  const map = new OrderedMap<number | undefined>();
  map.set('tombstone', undefined);
  expect([map.has('tombstone'), map.has('other'), map.size]).toEqual([true, false, 1]);
  expect([...map.range({ from: '' })]).toEqual([['tombstone', undefined]]);
});

test('a cursor refuses to go on after the map has changed, and not after a clone has', () => {
  const map = new OrderedMap<number>();
  for (let at = 0; at < 100; at += 1) map.set(keyOf(at), at);
  for (const reverse of [false, true]) {
    const cursor = map.range({ from: '', reverse })[Symbol.iterator]();
    cursor.next();
    const copy = map.clone();
    copy.set(keyOf(1), 1);
    copy.delete(keyOf(50));
    expect(cursor.next().done).toBe(false);
    map.set(keyOf(0), 0);
    expect(() => cursor.next()).toThrow(InvariantError);
  }
});

test('one range may be iterated twice', () => {
  const map = new OrderedMap<number>();
  for (let at = 0; at < 100; at += 1) map.set(keyOf(at), at);
  const range = map.range({ from: keyOf(10), to: keyOf(90), limit: 40 });
  expect([...range]).toEqual([...range]);
  expect([...range].length).toBe(40);
});
