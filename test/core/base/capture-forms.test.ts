import fc from 'fast-check';
import { expect, test } from 'vitest';

import { InvariantError } from '../../../core/base/assert.ts';
import {
  type Captured,
  passArray,
  passMap,
  passNumber,
  passSet,
  type Stateful,
  type StateForm,
} from '../../../core/base/capture.ts';
import { captureState, restoreState } from '../../../core/base/capture-forms.ts';
import { Heap } from '../../../core/base/heap.ts';
import { Ring } from '../../../core/base/ring.ts';
import { transcribed } from '../../../sim/capture-check.ts';

interface Item {
  readonly name: string;
  weight: number;
}
const blank: Item = { name: '', weight: 0 };
const passItem = (form: StateForm, item: Item): Item => ({
  name: form.text('name', item.name),
  weight: form.number('weight', item.weight),
});

/** Every kind of field once. */
class Everything implements Stateful {
  count = 0;
  ready = false;
  id = 0n;
  mood: 'good' | 'bad' = 'good';
  bytes: Uint8Array = new Uint8Array();
  sameBytes: Uint8Array = this.bytes;
  maybe: Item | undefined;
  order: number[] = [];
  readonly array: number[] = [];
  readonly map = new Map<string, number>();
  readonly set = new Set<Item>();
  favourite: Item | undefined;

  passState(form: StateForm): void {
    this.count = form.number('count', this.count);
    this.ready = form.flag('ready', this.ready);
    this.id = form.big('id', this.id);
    this.mood = form.choice('mood', this.mood, ['good', 'bad']);
    this.bytes = form.bytes('bytes', this.bytes);
    this.sameBytes = form.bytes('sameBytes', this.sameBytes);
    this.maybe = form.optional('maybe', this.maybe, blank, passItem);
    this.order = form.list('order', this.order, 0, passNumber);
    passArray(form, 'array', this.array, 0, passNumber);
    passMap(form, 'map', this.map, {
      blank: ['', 0],
      pass: (row, [key, value]) => [row.text('key', key), row.number('value', value)],
    });
    const items = form.links('items', blank, passItem);
    passSet(form, 'set', this.set, blank, items.each);
    this.favourite = form.optional('favourite', this.favourite, blank, items.each);
  }
}

function example(): Everything {
  const all = new Everything();
  all.count = Infinity;
  all.ready = true;
  all.id = 2n ** 63n;
  all.mood = 'bad';
  all.bytes = Uint8Array.of(1, 2);
  all.sameBytes = all.bytes;
  all.maybe = { name: 'maybe', weight: 1 };
  all.order = [3, 1, 2];
  all.array.push(9);
  all.map.set('z', 1).set('a', 2);
  all.favourite = { name: 'shared', weight: 5 };
  all.set.add({ name: 'first', weight: 1 }).add(all.favourite);
  return all;
}

test('state that was captured, written down and restored is equal, in its orders and its identities', () => {
  const before = example();
  const after = new Everything();
  restoreState(after, transcribed(captureState(before)));
  expect(after).toEqual(before);
  expect([...after.map.keys()]).toEqual(['z', 'a']);
  expect(after.sameBytes).toBe(after.bytes);
  expect([...after.set][1]).toBe(after.favourite);
});

test('what was captured does not change with what it was captured from', () => {
  const all = example();
  const captured = captureState(all);
  const copy = transcribed(captured);
  all.count = 0;
  all.order.push(7);
  all.array.push(7);
  all.map.clear();
  if (all.favourite !== undefined) all.favourite.weight = 77;
  all.maybe = undefined;
  expect(captured).toEqual(copy);
});

type Fields = Record<string, Captured>;
const stateOf = (captured: Captured): Fields => (captured as { state: Fields }).state;

test.each(Object.keys(stateOf(captureState(example()))))('a missing %s is named', (name) => {
  const captured = structuredClone(captureState(example()));
  Reflect.deleteProperty(stateOf(captured), name);
  expect(() => {
    restoreState(new Everything(), captured);
  }).toThrow(new InvariantError(`captured.state.${name} is missing`));
});

test.each(Object.keys(stateOf(captureState(example()))))('a %s of another type is named', (name) => {
  const captured = structuredClone(captureState(example()));
  stateOf(captured)[name] = name === 'count' ? 'many' : 1.5;
  expect(() => {
    restoreState(new Everything(), captured);
  }).toThrow(new RegExp(`^captured\\.state\\.${name} `));
});

const list = (values: Captured[], fields = ['name', 'weight']): Captured => ({ fields, values });

test.each<[string, (captured: Fields, state: Fields) => void, string]>([
  [
    'another format',
    (captured) => (captured['format'] = 2),
    'captured state is of format 2; this program reads 1',
  ],
  ['no bytes', (captured) => (captured['bytes'] = [1]), 'captured.bytes is not a list of byte arrays'],
  ['a field too many', (_, state) => (state['more'] = 1), 'captured.state.more is not known'],
  [
    'a choice that there is not',
    (_, state) => (state['mood'] = 'so so'),
    "captured.state.mood is 'so so', not one of good, bad",
  ],
  [
    'bytes that are not there',
    (_, state) => (state['bytes'] = 5),
    'captured.state.bytes is 5, not the number of a byte array',
  ],
  [
    'half a row',
    (_, state) => (state['items'] = list(['a'])),
    'captured.state.items has 1 values for rows of 2 fields',
  ],
  [
    'a column too few',
    (_, state) => (state['items'] = list(['a'], ['name'])),
    'captured.state.items[0].weight is missing',
  ],
  [
    'a column too many',
    (_, state) => (state['items'] = list(['a', 1, 2], ['name', 'weight', 'x'])),
    'captured.state.items[0].x is not known',
  ],
  [
    'another type in a row',
    (_, state) => (state['items'] = list(['a', 1, 'b', 'c'])),
    "captured.state.items[1].weight is 'c', not a number",
  ],
  [
    'a reference to nothing',
    (_, state) => (state['items'] = list([])),
    'captured.state.items has 0 items; to refers to 0',
  ],
])('%s is refused by name', (_, damage, message) => {
  const captured = structuredClone(captureState(example())) as Fields;
  damage(captured, stateOf(captured));
  expect(() => {
    restoreState(new Everything(), captured);
  }).toThrow(new InvariantError(message));
});

test('what the ports must say also is compared', () => {
  class Placed implements Stateful {
    readonly index: number;
    constructor(index: number) {
      this.index = index;
    }
    passState(form: StateForm): void {
      form.same('index', this.index);
    }
  }
  const captured = captureState(new Placed(3));
  restoreState(new Placed(3), captured);
  expect(() => {
    restoreState(new Placed(4), captured);
  }).toThrow(new InvariantError('captured.state.index is 3, not 4, as where it is restored'));
});

test.each([
  [{ f: () => 1 } as unknown as Captured, 'captured.f is a function'],
  [{ list: [1, new Map()] } as unknown as Captured, 'captured.list.1 is of a class'],
  [{ inner: { nothing: null } } as unknown as Captured, 'captured.inner.nothing is null'],
])('what is no plain data is not written down', (captured, message) => {
  expect(() => transcribed(captured)).toThrow(message);
});

test('a heap and a ring go on as they would have, equal items included', () => {
  const numbers = fc.array(fc.nat({ max: 9 }), { maxLength: 40 });
  const property = fc.property(numbers, fc.nat({ max: 20 }), numbers, (first, taken, later) => {
    const heap = new Heap<Item>((left, right) => left.weight - right.weight);
    const ring = new Ring<Item>(1_000);
    first.forEach((weight, at) => {
      heap.push({ name: `${at}`, weight });
      ring.push({ name: `${at}`, weight });
    });
    for (let count = 0; count < taken; count += 1) {
      heap.pop();
      ring.shift();
    }
    const both = (of: Heap<Item>, other: Ring<Item>): Stateful => ({
      passState: (form) => {
        form.fields('heap', (fields) => {
          of.passState(fields, blank, passItem);
        });
        form.fields('ring', (fields) => {
          other.passState(fields, blank, passItem);
        });
      },
    });
    const newHeap = new Heap<Item>((left, right) => left.weight - right.weight);
    const newRing = new Ring<Item>(1_000);
    restoreState(both(newHeap, newRing), transcribed(captureState(both(heap, ring))));
    for (const [at, weight] of later.entries()) {
      const item = { name: `later ${at}`, weight };
      for (const each of [heap, newHeap]) each.push(item);
      for (const each of [ring, newRing]) each.push(item);
      expect(newHeap.pop()).toEqual(heap.pop());
      expect(newRing.shift()).toEqual(ring.shift());
    }
    expect(newHeap.size).toBe(heap.size);
    expect(newRing.length).toBe(ring.length);
  });
  fc.assert(property, { numRuns: 200 });
});
