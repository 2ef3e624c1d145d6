import { type StoreRow, type StoreView } from '../../core/storage/backend.ts';

const chunkBytesMax = 65_536;
/** Of a packet beside the rows in it. */
export const packetBytes = 64;

/** Rows of one table that go over the network as one. */
export interface SnapshotChunk {
  readonly table: string;
  readonly rows: readonly StoreRow[];
  readonly bytes: number;
}

/** Every row of a view, table by table, read as they are asked for. */
export function* snapshotChunks(
  view: Pick<StoreView, 'range'>,
  tables: readonly string[],
  chunkRowsMax: number,
): Generator<SnapshotChunk, void> {
  for (const table of tables) {
    let rows: StoreRow[] = [];
    let bytes = packetBytes;
    for (const row of view.range(table, { from: '' })) {
      rows.push(row);
      bytes += row[0].length + row[1].length;
      if (rows.length < chunkRowsMax && bytes < chunkBytesMax) continue;
      yield { table, rows, bytes };
      rows = [];
      bytes = packetBytes;
    }
    if (rows.length > 0) yield { table, rows, bytes };
  }
}
