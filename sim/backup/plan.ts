import { type RestoredRevisions } from '../../core/chainfire/backup/restored-state.ts';
import { type Fault } from '../fault.ts';

/** Backups of a cluster, taken while everything else goes on. */
export interface BackupPlan {
  /** Who takes them, each one after the other. */
  readonly takers: number;
  /** A taker's pause between two, drawn uniformly up to twice this. */
  readonly everyUs: number;
  /** What goes over the network as one: few rows make a download long. */
  readonly chunkRowsMax: number;
  /** What a taker takes over each chunk, drawn uniformly up to this: a slow one has the member hold its view for long. */
  readonly chunkUsMax: number;
  readonly restore?: RestorePlan | undefined;
}

/** A cluster that is made of one of them, with as many clients as the first one has, and the same settings. */
export interface RestorePlan {
  /** When; if nobody has a whole backup by then, as soon as somebody has. */
  readonly atUs: number;
  readonly members: number;
  readonly revisions: RestoredRevisions;
  /** Of the new cluster, whose machines are numbered from 11 on, and its clients from 100; times count from its start. */
  readonly faults: readonly Fault[];
  /** Of its safety phase. */
  readonly durationUs: number;
}
