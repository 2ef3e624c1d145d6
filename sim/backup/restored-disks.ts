import {
  bumpRevision,
  restoredLog,
  type RestoredRevisions,
} from '../../core/chainfire/backup/restored-state.ts';
import { rowsTaken } from '../../core/chainfire/backup/row-fates.ts';
import { memberTables } from '../../core/chainfire/member.ts';
import { type SegmentAppend } from '../../core/base/effects.ts';
import { MemoryBackend } from '../../core/storage/memory-backend.ts';
import { MemorySegments } from '../../core/storage/memory-segments.ts';
import { type DiskParts } from '../cluster.ts';
import { SimulatedSegments } from '../disk/segments.ts';
import { SimulatedStore } from '../disk/store.ts';
import { type Disks } from '../residence.ts';
import { Violation } from '../types.ts';
import { type Backup } from './backup.ts';

/**
 * What lies on the disks of every member of a cluster that is made from a backup: the same on all of them, by the rules that
 * `photon chainfire snapshot restore` goes by.
 */
export class RestoredDisks {
  readonly store: MemoryBackend;
  readonly #log: readonly SegmentAppend[];

  /** @throws Violation for a row that no rule speaks of */
  constructor(backup: Backup, revisions: RestoredRevisions, segmentBytesMax: number) {
    this.store = new MemoryBackend(memberTables);
    const stage = this.store.openStage();
    for (const [table, rows] of backup.tables) {
      const taken = rowsTaken(table, rows);
      if (taken.kind === 'unknown') {
        const row = `row ${JSON.stringify(taken.key)} of table ${table}`;
        throw new Violation('restored-state', `nothing is said of what becomes of ${row} of a backup`, row);
      }
      this.store.stageRows(stage, table, taken.rows);
    }
    this.store.installStage(stage);
    bumpRevision(this.store, revisions);
    this.#log = restoredLog(new MemorySegments(), this.store, segmentBytesMax);
  }

  /** The disks of one more member. */
  make({ segments, store }: DiskParts): Disks {
    return {
      segments: new SimulatedSegments({ ...segments, content: this.#log }),
      store: new SimulatedStore({ ...store, content: this.store }),
    };
  }
}
