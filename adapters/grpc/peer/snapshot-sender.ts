import { crc32c } from '../../../core/base/crc32c.ts';
import { type StoreView } from '../../../core/storage/backend.ts';
import { WireWriter } from '../../../core/wire/writer.ts';
import { describeCallError, type PeerCall } from './call.ts';
import { Receipt, Row, SnapshotChunk } from './protocol.ts';

/** Rows are collected up to this many bytes a chunk; a single larger row makes a larger chunk. */
const chunkBytes = 262_144;

/** Tag of a length-delimited field 1: an element of `RowList.rows`. */
const rowTag = 10;

/**
 * Streams every table of the view and resolves with the receiver's receipt.
 *
 * Rows are read a chunk at a time, each from a fresh range: nothing lazy of the store stays open while the network is
 * waited for.
 *
 * @throws Error when the stream breaks, the peer refuses it, or its receipt does not fit
 */
export async function streamSnapshot(
  call: PeerCall,
  header: Uint8Array,
  view: StoreView,
  tables: readonly string[],
): Promise<void> {
  const receipt = receiptOf(call);
  // The writer below may fail first; the rejection is then this one's own reason and must not go unhandled.
  receipt.catch(() => undefined);
  let rows = 0;
  await write(call, SnapshotChunk.encode(SnapshotChunk.create({ header })), receipt);
  for (const table of tables) {
    for (let from = ''; ;) {
      const chunk = collectRows(view, table, from);
      if (chunk.count > 0) {
        rows += chunk.count;
        const part = { table, rows: chunk.bytes, crc32c: crc32c(chunk.bytes) };
        await write(call, SnapshotChunk.encode(SnapshotChunk.create({ rows: part })), receipt);
      }
      if (chunk.next === undefined) break;
      from = chunk.next;
    }
  }
  await write(call, SnapshotChunk.encode(SnapshotChunk.create({ end: { rows } })), receipt);
  call.end();
  const staged = await receipt;
  if (staged !== rows) throw new Error(`the peer staged ${staged} rows of ${rows}`);
}

/** Rows from `from` on; `next` is where the rest begins, undefined when there is none. */
function collectRows(
  view: StoreView,
  table: string,
  from: string,
): { bytes: Uint8Array; count: number; next: string | undefined } {
  const writer = new WireWriter();
  let count = 0;
  for (const [key, value] of view.range(table, { from })) {
    if (writer.length >= chunkBytes) return { bytes: writer.finish(), count, next: key };
    writer.varint(rowTag);
    const start = writer.begin();
    Row.write(writer, { key, value });
    writer.end(start);
    count += 1;
  }
  return { bytes: writer.finish(), count, next: undefined };
}

function receiptOf(call: PeerCall): Promise<number> {
  return new Promise((resolve, reject) => {
    call.once('data', (bytes: Uint8Array) => {
      try {
        resolve(Receipt.decode(bytes).rows);
      } catch (error) {
        reject(error as Error);
      }
    });
    call.on('error', (error: unknown) => reject(new Error(describeCallError(error), { cause: error })));
    call.on('end', () => reject(new Error('the peer ended the call without a receipt')));
  });
}

/** Resolves once the transport has taken the bytes: this is the back-pressure. */
async function write(call: PeerCall, bytes: Uint8Array, broken: Promise<unknown>): Promise<void> {
  const written = new Promise<void>((resolve, reject) => {
    call.write(bytes, (error: Error | null | undefined) => {
      if (error === null || error === undefined) resolve();
      else reject(error);
    });
  });
  await Promise.race([written, broken]);
}
