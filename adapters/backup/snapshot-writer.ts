import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';

import { framingBytes } from '../../core/wire/framing.ts';
import { End } from '../peer/protocol.ts';
import { framed, rowsFrame, type RowsView } from './rows-frame.ts';
import { blockBytes, frameRowsBytes, SnapshotFileHeader, snapshotFrames, snapshotMagic } from './format.ts';

/**
 * The bytes of a snapshot, a frame at a time, as they are asked for: one frame is in memory. Between two of them the process
 * does what else there is to do.
 */
export async function* snapshotBytes(
  header: SnapshotFileHeader,
  view: RowsView,
): AsyncGenerator<Uint8Array, void, undefined> {
  const digest = createHash('sha256');
  let writtenBytes = 0;
  const hashed = (bytes: Uint8Array): Uint8Array => {
    digest.update(bytes);
    writtenBytes += bytes.length;
    return bytes;
  };
  yield hashed(snapshotMagic);
  yield hashed(framed(snapshotFrames.header, SnapshotFileHeader.encode(header)));
  let rows = 0;
  for (const table of header.tables) {
    for (let from: string | undefined = ''; from !== undefined;) {
      const part = rowsFrame(view, table, { kind: snapshotFrames.rows, from, bytesMax: frameRowsBytes });
      if (part.count > 0) yield hashed(part.frame);
      rows += part.count;
      from = part.next;
      await setImmediate();
    }
  }
  yield hashed(framed(snapshotFrames.end, End.encode({ rows })));
  const overBytes = (writtenBytes + framingBytes) % blockBytes;
  const padding = new Uint8Array(overBytes === 0 ? 0 : blockBytes - overBytes);
  yield hashed(framed(snapshotFrames.padding, padding));
  yield digest.digest();
}

/** What the rows of a store come to as a snapshot: to show progress by, no promise. */
export function snapshotBytesEstimate(store: { readonly rows: number; readonly bytes: number }): number {
  const rowOverheadBytes = 9;
  return store.bytes + store.rows * rowOverheadBytes;
}
