import { type StoreRow, type StoreView, type StoreWrite } from '../../../core/storage/backend.ts';

/**
 * Batches whose effect is known from their number alone, so that content can be told to be a prefix of them: batch n puts
 * row n, removes the row that left the window, and counts in both tables.
 */
export const killTables = ['rows', 'meta'] as const;

const windowRows = 60;

export function killBatch(number: number): readonly StoreWrite[] {
  return [
    { table: 'meta', key: 'last', value: counter(number) },
    { table: 'rows', key: rowKey(number), value: rowValue(number) },
    { table: 'rows', key: rowKey(number - windowRows), value: undefined },
    { table: 'rows', key: 'z/last', value: counter(number) },
  ];
}

/** Everything that batches 1 to `number` leave in a table, in key order. */
export function killContent(table: string, number: number): readonly StoreRow[] {
  if (number === 0) return [];
  if (table === 'meta') return [['last', counter(number)]];
  const rows: StoreRow[] = [];
  for (let at = Math.max(1, number - windowRows + 1); at <= number; at += 1)
    rows.push([rowKey(at), rowValue(at)]);
  return [...rows, ['z/last', counter(number)]];
}

export function lastBatch(store: Pick<StoreView, 'get'>): number {
  const value = store.get('meta', 'last');
  return value === undefined ? 0 : new DataView(value.buffer, value.byteOffset).getUint32(0);
}

function counter(number: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, number);
  return bytes;
}

function rowKey(number: number): string {
  return `row/${String(number).padStart(8, '0')}`;
}

/** From a few bytes to several pages. */
function rowValue(number: number): Uint8Array {
  return new Uint8Array((number * 7_919) % 9_000).fill(number & 0xff);
}
