import { type StoreView } from '../../core/storage/backend.ts';
import { type SnapshotFileHeader } from './format.ts';

/** A consistent read view of a member's store, taken for a snapshot; it must be closed. */
export interface OpenSnapshot {
  readonly header: SnapshotFileHeader;
  readonly view: StoreView;
  /** How many bytes it will come to, about. */
  readonly bytesEstimate: number;
  /** The member that gives it. */
  readonly memberId: bigint;
}

export interface SnapshotSource {
  /** @throws StatusError when there is nothing to be had */
  openSnapshot(): OpenSnapshot;
}
