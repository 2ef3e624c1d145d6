import { type NodeId } from '../../core/base/ids.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type AppliedState } from '../../core/chainfire/mvcc/meta.ts';
import { type StoreRow } from '../../core/storage/backend.ts';
import { type StateInWords } from './state-in-words.ts';

/** A member has opened a view of its store for somebody who takes a backup. */
export interface OpenedBackup {
  /** The member, by its id. */
  readonly node: NodeId;
  readonly atUs: number;
  readonly member: ChainfireMember;
  /** What the view says that it is of. */
  readonly applied: AppliedState;
}

/** All of it has come, and nothing was lost on the way. */
export interface Backup {
  readonly node: NodeId;
  readonly openedUs: number;
  readonly endedUs: number;
  /** What the member had in memory as the view was opened. */
  readonly member: StateInWords;
  readonly leases: readonly { readonly id: bigint; readonly ttlSeconds: number }[];
  /** Rows by table, keys ascending. */
  readonly tables: ReadonlyMap<string, readonly StoreRow[]>;
}
