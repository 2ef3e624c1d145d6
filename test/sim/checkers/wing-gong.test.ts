import fc from 'fast-check';
import { describe, expect, test } from 'vitest';

import { type SearchModel, type SearchMove, searchLinearization } from '../../../sim/checkers/wing-gong.ts';

/** A register that begins at 0; `read` saw `value`, `write` stored it, `swap` found `expected` and stored `value`. */
interface RegisterMove extends SearchMove {
  readonly kind: 'read' | 'write' | 'swap';
  readonly value: number;
  readonly expected?: number;
}

class Register implements SearchModel<RegisterMove> {
  readonly #values = [0];

  ways(): number {
    return 1;
  }

  apply(move: RegisterMove): string | undefined {
    const value = this.#values.at(-1) ?? 0;
    if (move.kind === 'read' && move.value !== value) return `read ${move.value} of ${value}`;
    if (move.kind === 'swap' && move.expected !== value)
      return `swapped ${String(move.expected)} of ${value}`;
    this.#values.push(move.kind === 'read' ? value : move.value);
    return undefined;
  }

  undo(): void {
    this.#values.pop();
  }

  stateKey(): string {
    return String(this.#values.at(-1));
  }
}

const verdict = (moves: readonly RegisterMove[], attemptsMax = 100_000): string =>
  searchLinearization(moves, new Register(), attemptsMax).kind;
const write = (value: number, startUs: number, endUs = Infinity): RegisterMove => ({
  kind: 'write',
  value,
  startUs,
  endUs,
  rank: undefined,
});
const read = (value: number, startUs: number, endUs: number): RegisterMove => ({
  kind: 'read',
  value,
  startUs,
  endUs,
  rank: undefined,
});
const swap = (expected: number, value: number, startUs: number, endUs: number): RegisterMove => ({
  kind: 'swap',
  expected,
  value,
  startUs,
  endUs,
  rank: undefined,
});

test('a register history of overlapping operations has an order (Herlihy and Wing 1990)', () => {
  expect(verdict([write(1, 0, 10), write(2, 5, 15), read(1, 16, 20), read(2, 21, 25)])).toBe(
    'notLinearizable',
  );
  expect(verdict([write(1, 0, 10), write(2, 5, 30), read(1, 16, 20), read(2, 21, 25)])).toBe('linearizable');
});

test('a read that began after a write ended must see it', () => {
  expect(verdict([write(1, 0, 10), read(0, 11, 20)])).toBe('notLinearizable');
  expect(verdict([write(1, 0, 10), read(0, 10, 20)])).toBe('linearizable');
});

test('two reads may not see a concurrent write come and go', () => {
  expect(verdict([write(1, 0, 100), read(1, 10, 20), read(0, 30, 40)])).toBe('notLinearizable');
  expect(verdict([write(1, 0, 100), read(0, 10, 20), read(1, 30, 40)])).toBe('linearizable');
});

test('a write of unknown outcome may take effect late, or never', () => {
  expect(verdict([write(1, 0), read(0, 10, 20), read(1, 30, 40)])).toBe('linearizable');
  expect(verdict([write(1, 0), read(0, 10, 20)])).toBe('linearizable');
  expect(verdict([write(1, 0), read(1, 10, 20), read(0, 30, 40)])).toBe('notLinearizable');
});

test('a write of unknown outcome cannot take effect before it began', () => {
  expect(verdict([read(1, 0, 10), write(1, 11)])).toBe('notLinearizable');
});

test('two swaps from the same value cannot both win', () => {
  expect(verdict([swap(0, 1, 0, 10), swap(0, 2, 0, 10)])).toBe('notLinearizable');
  expect(verdict([swap(0, 1, 0, 10), swap(1, 2, 0, 10)])).toBe('linearizable');
});

test('readers may not see two concurrent writes change places', () => {
  const writes = [write(1, 0, 100), write(2, 0, 100)];
  expect(verdict([...writes, read(1, 10, 20), read(2, 30, 40), read(1, 50, 60)])).toBe('notLinearizable');
  expect(verdict([...writes, read(1, 10, 60), read(2, 30, 40), read(1, 50, 60)])).toBe('linearizable');
  expect(verdict([...writes, read(1, 10, 60), read(2, 30, 60), read(2, 50, 70)])).toBe('linearizable');
});

test('many concurrent writes that nobody saw are not searched in every order: configurations are remembered', () => {
  const writes = Array.from({ length: 12 }, (_, at) => write(at % 3, 0, 1_000));
  expect(verdict([...writes, read(7, 10, 20)], 2_000_000)).toBe('notLinearizable');
});

test('a search that runs out of attempts says so', () => {
  const writes = Array.from({ length: 16 }, (_, at) => write(at, 0, 1_000));
  expect(verdict([...writes, read(99, 10, 20)], 1_000)).toBe('undecided');
});

test('ranked moves happen in their order, whatever time would allow', () => {
  const ranked = (move: RegisterMove, rank: number): RegisterMove => ({ ...move, rank });
  expect(verdict([ranked(write(1, 0, 10), 2), ranked(write(2, 0, 10), 1), ranked(read(1, 0, 20), 3)])).toBe(
    'linearizable',
  );
  expect(verdict([ranked(write(1, 0, 10), 1), ranked(write(2, 0, 10), 2), ranked(read(1, 0, 20), 3)])).toBe(
    'notLinearizable',
  );
  expect(verdict([ranked(write(1, 0, 10), 2), ranked(write(2, 20, 30), 1)])).toBe('notLinearizable');
});

describe('the longest partial linearization', () => {
  const partial = (moves: readonly RegisterMove[]) => {
    const found = searchLinearization(moves, new Register(), 100_000);
    if (found.kind !== 'notLinearizable') throw new RangeError(`it is ${found.kind}`);
    return found;
  };

  test('ends where the answer that cannot be explained stands', () => {
    const [first, stale] = [write(1, 0, 10), read(0, 11, 20)];
    expect(partial([first, stale, read(1, 30, 40)])).toEqual({
      kind: 'notLinearizable',
      order: [first],
      stuck: stale,
      reason: 'read 0 of 1',
    });
  });

  test('is the deepest of all ways, not the last that was tried', () => {
    const [one, two] = [write(1, 0, 100), write(2, 0, 100)];
    const reads = [read(2, 110, 120), read(2, 130, 140), read(1, 150, 160)];
    const { order, stuck } = partial([one, two, ...reads]);
    expect(order).toEqual([one, two, ...reads.slice(0, 2)]);
    expect(stuck).toBe(reads[2]);
  });

  test('is one of the longest that there are, fits the register and the clock (model)', () => {
    let failing = 0;
    fc.assert(
      fc.property(fc.array(anyMove, { minLength: 1, maxLength: 7 }), (moves) => {
        const found = searchLinearization(moves, new Register(), 1_000_000);
        const longest = longestByForce(moves, [], 0);
        const required = moves.filter(({ endUs }) => endUs !== Infinity).length;
        if (found.kind === 'linearizable') {
          expect(longest).toBe(required);
          return;
        }
        failing += 1;
        if (found.kind === 'undecided') throw new RangeError('seven moves are few');
        expect(found.order.filter(({ endUs }) => endUs !== Infinity)).toHaveLength(longest);
        const register = new Register();
        for (const [position, move] of found.order.entries()) {
          expect(register.apply(move)).toBeUndefined();
          const before = found.order.slice(0, position);
          expect(moves.every((other) => other.endUs >= move.startUs || before.includes(other))).toBe(true);
        }
        expect(found.order).not.toContain(found.stuck);
        expect(register.apply(found.stuck)).toBe(found.reason);
      }),
      { numRuns: 500, seed: 1 },
    );
    expect(failing).toBeGreaterThan(100);
  });

  test('of a search that was given up is what it had come to', () => {
    const writes = Array.from({ length: 16 }, (_, at) => write(at, 0, 1_000));
    const given = searchLinearization(
      [write(5, -20, -10), ...writes, read(99, 10, 20)],
      new Register(),
      1_000,
    );
    if (given.kind !== 'undecided') throw new RangeError(`it is ${given.kind}`);
    expect(given.order[0]).toEqual(write(5, -20, -10));
    expect(given.order.length).toBeGreaterThan(1);
  });
});

const anyMove: fc.Arbitrary<RegisterMove> = fc
  .record({
    kind: fc.constantFrom('read', 'write'),
    value: fc.integer({ min: 0, max: 2 }),
    startUs: fc.integer({ min: 0, max: 40 }),
    lengthUs: fc.integer({ min: 1, max: 30 }),
    lost: fc.integer({ min: 0, max: 5 }),
  })
  .map(({ kind, value, startUs, lengthUs, lost }) => {
    const endUs = kind === 'write' && lost === 0 ? Infinity : startUs + lengthUs;
    return kind === 'read' ? read(value, startUs, endUs) : write(value, startUs, endUs);
  });

/** The most moves with an end that any order explains. */
function longestByForce(
  moves: readonly RegisterMove[],
  before: readonly RegisterMove[],
  value: number,
): number {
  let longest = before.filter(({ endUs }) => endUs !== Infinity).length;
  for (const move of moves) {
    if (before.includes(move) || (move.kind === 'read' && move.value !== value)) continue;
    if (moves.some((other) => other.endUs < move.startUs && !before.includes(other))) continue;
    const next = move.kind === 'read' ? value : move.value;
    longest = Math.max(longest, longestByForce(moves, [...before, move], next));
  }
  return longest;
}
