import fc from 'fast-check';
import { expect } from 'vitest';

import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { type StoreRange, type StoreRow, type StoreView } from '../../core/storage/backend.ts';
import { keyOf, type OpenedStore, put, remove, rowsOf, textOf } from './storage-backend-subject.ts';

/** What a random user of a store does. */
export type StoreAction =
  | { readonly kind: 'write'; readonly batch: readonly (readonly [key: string, value: string | undefined])[] }
  | { readonly kind: 'read'; readonly range: StoreRange }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'openView' }
  | { readonly kind: 'readView'; readonly view: number; readonly range: StoreRange }
  | { readonly kind: 'closeView'; readonly view: number }
  | { readonly kind: 'install'; readonly rows: readonly (readonly [key: string, value: string])[] }
  | { readonly kind: 'pause' }
  | { readonly kind: 'settle' };

const keys = fc.oneof(
  fc.string({ unit: fc.constantFrom('\x00', 'a', 'b', '\xff'), minLength: 1, maxLength: 3 }),
  fc.nat(200).map(keyOf),
);
const values = fc.string({ unit: fc.constantFrom('\x00', 'x', '\xff'), maxLength: 20 });
const ranges: fc.Arbitrary<StoreRange> = fc.record(
  { from: fc.oneof(keys, fc.constant('')), to: keys, reverse: fc.boolean(), limit: fc.nat(30) },
  { requiredKeys: ['from'] },
);
const writes = fc.array(fc.tuple(keys, fc.option(values, { nil: undefined })), { maxLength: 20 });
export const storeAction: fc.Arbitrary<StoreAction> = fc.oneof(
  { weight: 6, arbitrary: writes.map((batch) => ({ kind: 'write' as const, batch })) },
  { weight: 3, arbitrary: ranges.map((range) => ({ kind: 'read' as const, range })) },
  { weight: 1, arbitrary: keys.map((key) => ({ kind: 'get' as const, key })) },
  { weight: 1, arbitrary: fc.constant({ kind: 'openView' as const }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.nat(3), ranges)
      .map(([view, range]) => ({ kind: 'readView' as const, view, range })),
  },
  { weight: 1, arbitrary: fc.nat(3).map((view) => ({ kind: 'closeView' as const, view })) },
  {
    weight: 1,
    arbitrary: fc
      .uniqueArray(fc.tuple(keys, values), { selector: ([key]) => key, maxLength: 10 })
      .map((rows) => ({ kind: 'install' as const, rows })),
  },
  { weight: 3, arbitrary: fc.constant({ kind: 'pause' as const }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'settle' as const }) },
);

/** The model: a plain object map, sorted when it is read. */
type Content = ReadonlyMap<string, string>;

export async function runActions(subject: OpenedStore, actions: readonly StoreAction[]): Promise<void> {
  const { store } = subject;
  let content: Content = new Map();
  const views: { readonly view: StoreView; readonly content: Content }[] = [];
  for (const action of actions) {
    switch (action.kind) {
      case 'write':
        store.write(
          action.batch.map(([key, value]) => (value === undefined ? remove(key) : put(key, value))),
        );
        content = applied(content, action.batch);
        break;
      case 'read':
        expect(rowsOf(store, 'rows', action.range)).toEqual(modelRows(content, action.range));
        expect(store.count('rows', action.range)).toBe(
          modelRows(content, { from: action.range.from, to: action.range.to }).length,
        );
        break;
      case 'get':
        expect(textOf(store, action.key)).toBe(content.get(action.key));
        break;
      case 'openView':
        if (views.length < 4) views.push({ view: store.view(store.openView()), content });
        break;
      case 'readView': {
        const open = views[action.view % views.length];
        if (open !== undefined) {
          expect(rowsOf(open.view, 'rows', action.range)).toEqual(modelRows(open.content, action.range));
        }
        break;
      }
      case 'closeView':
        for (const { view } of views.splice(action.view % Math.max(1, views.length), 1)) view.close();
        break;
      case 'install': {
        const stage = store.openStage();
        const rows = action.rows.toSorted(([left], [right]) => (left < right ? -1 : 1));
        store.stageRows(
          stage,
          'rows',
          rows.map(([key, value]): StoreRow => [key, bytesFromLatin1(value)]),
        );
        store.installStage(stage);
        content = new Map(rows);
        break;
      }
      case 'pause':
        await subject.pause?.();
        break;
      case 'settle':
        await subject.settle?.();
        break;
    }
  }
  for (const open of [...views, { view: store, content }]) {
    expect(rowsOf(open.view)).toEqual(modelRows(open.content, { from: '' }));
  }
  for (const { view } of views) view.close();
}

function applied(content: Content, batch: readonly (readonly [string, string | undefined])[]): Content {
  const next = new Map(content);
  for (const [key, value] of batch) {
    if (value === undefined) next.delete(key);
    else next.set(key, value);
  }
  return next;
}

function modelRows(content: Content, { from, to, reverse, limit }: StoreRange): readonly string[] {
  const rows = [...content]
    .filter(([key]) => key >= from && (to === undefined || key < to))
    .sort(([left], [right]) => (left < right ? -1 : 1))
    .map(([key, value]) => `${key}=${value}`);
  if (reverse) rows.reverse();
  return rows.slice(0, limit);
}
