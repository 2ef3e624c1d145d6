import { assert } from '../base/assert.ts';
import { type StoreRow, type StoreWrite, storeKeyBytesMax } from './backend.ts';

/** The bounds of the store's port, asserted by every implementation before it does anything. */
export function assertStoreKey(key: string): void {
  assert(key.length >= 1 && key.length <= storeKeyBytesMax, 'a store key has 1 to storeKeyBytesMax bytes');
  for (let at = 0; at < key.length; at += 1) {
    assert(key.charCodeAt(at) <= 0xff, 'a store key is a latin1 string');
  }
}

/** The whole batch, before any of it is applied: what is refused leaves nothing behind. */
export function assertStoreBatch(tables: readonly string[], batch: readonly StoreWrite[]): void {
  for (const { table, key } of batch) {
    assert(tables.includes(table), 'a write names a table of the store');
    assertStoreKey(key);
  }
}

/**
 * Rows of a stage ascend within a table, from one call to the next.
 *
 * @param last the highest key that was staged in the table before; undefined when there is none
 * @returns the highest key afterwards
 */
export function assertStageRows(rows: readonly StoreRow[], last: string | undefined): string | undefined {
  let highest = last;
  for (const [key] of rows) {
    assertStoreKey(key);
    assert(highest === undefined || highest < key, 'staged keys ascend within a table');
    highest = key;
  }
  return highest;
}
