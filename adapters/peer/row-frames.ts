import { type StoreView } from '../../core/storage/backend.ts';
import { WireWriter } from '../../core/wire/writer.ts';
import { Row } from './protocol.ts';

/** Tags of the length-delimited fields of `Rows`: the table, a row. */
const tableTag = 10;
const rowTag = 18;

/** A part of a table as the payload of a `Rows` frame. */
export interface RowsPart {
  readonly payload: Uint8Array;
  readonly count: number;
  /** Where the rest begins; undefined when there is none. */
  readonly next: string | undefined;
}

/**
 * Rows from `from` on, up to `bytesMax` a frame; a single larger row makes a larger frame. Each is read from a fresh range:
 * nothing lazy of the store stays open while somebody is waited for.
 */
export function collectRows(
  view: Pick<StoreView, 'range'>,
  table: string,
  { from, bytesMax }: { readonly from: string; readonly bytesMax: number },
): RowsPart {
  const writer = new WireWriter();
  writer.varint(tableTag);
  writer.text(table);
  let count = 0;
  for (const [key, value] of view.range(table, { from })) {
    if (writer.length >= bytesMax) return { payload: writer.finish(), count, next: key };
    writer.varint(rowTag);
    const start = writer.begin();
    Row.write(writer, { key, value });
    writer.end(start);
    count += 1;
  }
  return { payload: writer.finish(), count, next: undefined };
}
