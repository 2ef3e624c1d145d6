import { open } from 'node:fs/promises';
import { join } from 'node:path';

import { type StoreRow, type StoreWrite } from '../../core/storage/backend.ts';
import { type Generation } from './generation.ts';
import { PendingLayer } from './pending-layer.ts';

/** What one turn copies at most: a millisecond or two. */
const turnRowsMax = 256;
const turnBytesMax = 65_536;
/** So much of the copy is on its way to the disk at once: more would be in the way of the log, whose syncs everybody waits for. */
const unsyncedBytesMax = 8_388_608;

/**
 * Copies a generation into a fresh one while the first goes on being written.
 *
 * Tables are copied one after the other, keys ascending, a turn at a time, each turn from what is committed by then. What is
 * committed behind the place that the copy has reached is written to it as well; what is committed before that place the copy
 * will meet. So when it has come to the end, the two are equal, however much was written meanwhile, and nothing had to be kept
 * of it. Turns and commits must not overlap: whoever calls sees to it.
 */
export class GenerationCopy {
  readonly target: Generation;
  readonly #source: Generation;
  readonly #tables: readonly string[];
  #tableAt = 0;
  /** In the table that is being copied: keys below it are. */
  #from = '';
  #failure: Error | undefined;
  #unsyncedBytes = 0;

  constructor(source: Generation, target: Generation, tables: readonly string[]) {
    this.#source = source;
    this.target = target;
    this.#tables = tables;
  }

  /** Copies some more rows. @returns whether that was all. @throws LmdbBackendError */
  turn(): boolean {
    if (this.#failure !== undefined) throw this.#failure;
    const table = this.#tables[this.#tableAt];
    if (table === undefined) return true;
    const rows: StoreRow[] = [];
    let bytes = 0;
    for (const row of this.#source.range(table, { from: this.#from, limit: turnRowsMax }, undefined)) {
      rows.push(row);
      bytes += row[1].length;
      if (rows.length >= turnRowsMax || bytes >= turnBytesMax) break;
    }
    const last = rows.at(-1);
    if (last === undefined) {
      this.#tableAt += 1;
      this.#from = '';
      return false;
    }
    this.target.append(table, rows);
    this.#unsyncedBytes += bytes;
    this.#from = `${last[0]}\0`;
    return false;
  }

  /** Writes what the source has just committed, as far as the copy is past it. Never rejects: the next turn tells. */
  async mirror(layer: PendingLayer): Promise<void> {
    const writes: StoreWrite[] = [];
    for (const [at, table] of this.#tables.entries()) {
      if (at > this.#tableAt) break;
      const to = at < this.#tableAt ? undefined : this.#from;
      for (const [key, value] of layer.table(table).range({ from: '', to })) {
        writes.push({ table, key, value: value ?? undefined });
      }
    }
    if (writes.length === 0 || this.#failure !== undefined) return;
    const part = PendingLayer.empty(this.#tables);
    part.add(writes, layer.lastSeq);
    try {
      await this.target.commit(part);
    } catch (error) {
      this.#failure = error as Error;
    }
  }

  /** To be synced before it goes on. */
  get wantsSync(): boolean {
    return this.#unsyncedBytes >= unsyncedBytesMax;
  }

  /** Resolves once what was copied is on the disk; what is mirrored is so by itself. */
  async sync(): Promise<void> {
    this.#unsyncedBytes = 0;
    const file = await open(join(this.target.path, 'data.mdb'), 'r');
    try {
      await file.sync();
    } finally {
      await file.close();
    }
  }
}
