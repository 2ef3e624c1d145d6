import { type StoreView } from '../../core/storage/backend.ts';
import { framingBytes, writeFraming } from '../../core/wire/framing.ts';
import { type RawRow, type RowVisitor } from '../lmdb/raw-rows.ts';
import { collectRows } from '../peer/row-frames.ts';
import { Rows } from '../peer/protocol.ts';

/** A view that can show rows as bytes, which costs a fraction of showing them one by one. */
export type RowsView = Pick<StoreView, 'range'> & {
  visitRows?(table: string, from: string, visit: RowVisitor): void;
};

/** A part of a table as a frame of a snapshot. */
export interface RowsFrame {
  readonly frame: Uint8Array;
  readonly count: number;
  /** Where the rest begins; undefined when there is none. */
  readonly next: string | undefined;
}

/** Rows from `from` on, up to `bytesMax` a frame; a single larger row makes a larger frame. */
export function rowsFrame(
  view: RowsView,
  table: string,
  options: { readonly kind: number; readonly from: string; readonly bytesMax: number },
): RowsFrame {
  if (view.visitRows === undefined) {
    const { payload, count, next } = collectRows(view, table, options);
    return { frame: framed(options.kind, payload), count, next };
  }
  const frame = new GrowingFrame(table, options.bytesMax);
  view.visitRows(table, options.from, (row) => frame.add(row));
  return { frame: frame.finish(options.kind), count: frame.count, next: frame.next };
}

/** A payload with its framing before it. */
export function framed(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(framingBytes + payload.length);
  writeFraming(bytes, kind, payload);
  bytes.set(payload, framingBytes);
  return bytes;
}

/** Tags of the length-delimited fields: a row of `Rows`, key and value of `Row`. */
const rowTag = 18;
const keyTag = 10;
const valueTag = 18;
/** Room for what most last rows exceed the bound by. */
const slackBytes = 16_384;

/** The message `Rows` in its frame, written by hand: it is made a million rows at a time. */
class GrowingFrame {
  readonly #bytesMax: number;
  #bytes: Buffer;
  #length = framingBytes;
  #count = 0;
  #next: string | undefined;

  constructor(table: string, bytesMax: number) {
    this.#bytesMax = bytesMax;
    // Not of the pool: it is on its way long after the next one was begun.
    this.#bytes = Buffer.allocUnsafeSlow(framingBytes + bytesMax + slackBytes);
    const head = Rows.encode({ table, rows: [] });
    this.#bytes.set(head, this.#length);
    this.#length += head.length;
  }

  get count(): number {
    return this.#count;
  }

  get next(): string | undefined {
    return this.#next;
  }

  /** @returns whether there is room for another */
  add({ key, keyStart, keyEnd, value, valueBytes }: RawRow): boolean {
    const keyBytes = keyEnd - keyStart;
    const valueFieldBytes = valueBytes === 0 ? 0 : 1 + varintBytes(valueBytes) + valueBytes;
    const rowBytes = 1 + varintBytes(keyBytes) + keyBytes + valueFieldBytes;
    this.#reserve(1 + varintBytes(rowBytes) + rowBytes);
    this.#head(rowTag, rowBytes);
    this.#head(keyTag, keyBytes);
    this.#copy(key, keyStart, keyEnd);
    // As in every message: what is empty is left out.
    if (valueBytes > 0) {
      this.#head(valueTag, valueBytes);
      this.#copy(value, 0, valueBytes);
    }
    this.#count += 1;
    if (this.#length - framingBytes < this.#bytesMax) return true;
    this.#next = `${Buffer.from(key.buffer, key.byteOffset + keyStart, keyBytes).toString('latin1')}\0`;
    return false;
  }

  finish(kind: number): Uint8Array {
    const frame = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset, this.#length);
    writeFraming(frame, kind, frame.subarray(framingBytes));
    return frame;
  }

  #head(tag: number, length: number): void {
    const bytes = this.#bytes;
    bytes[this.#length++] = tag;
    let rest = length;
    while (rest >= 0x80) {
      bytes[this.#length++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    bytes[this.#length++] = rest;
  }

  #copy(source: Uint8Array, from: number, to: number): void {
    Buffer.prototype.copy.call(source, this.#bytes, this.#length, from, to);
    this.#length += to - from;
  }

  #reserve(bytes: number): void {
    const need = this.#length + bytes;
    if (need <= this.#bytes.length) return;
    const grown = Buffer.allocUnsafeSlow(Math.max(need, this.#bytes.length * 2));
    this.#bytes.copy(grown, 0, 0, this.#length);
    this.#bytes = grown;
  }
}

function varintBytes(value: number): number {
  if (value < 0x80) return 1;
  if (value < 0x4000) return 2;
  if (value < 0x20_0000) return 3;
  return value < 0x1000_0000 ? 4 : 5;
}
