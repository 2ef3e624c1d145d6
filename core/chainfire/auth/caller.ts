import { bool, type Infer, message, text, uint64 } from '../../wire/protobuf.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { type KeyRange } from '../mvcc/key-range.ts';

/**
 * Who asks, as it stands in the log beside what it asks for. A name that is empty is nobody's; then, and only then, is
 * `authRevision` 0, but for processes.
 */
export const Caller = message('Caller', {
  user: text(1),
  /** The auth revision that the user was known under; an entry is refused where it is applied behind another change. */
  authRevision: uint64(2),
  /** The process of a member, for its own ends. */
  isProcess: bool(3),
});
export type Caller = Infer<typeof Caller>;

/** One thing that a caller wants to do with keys. */
export interface Access {
  readonly kind: 'read' | 'write';
  readonly range: KeyRange;
}

/**
 * Decides who may do what. Every member asks its own at the same place of the log, so that an implementation answers from
 * replicated state alone: the same state, the same answer, whatever the time and whoever leads.
 */
export interface Authorizer {
  /** False: everybody may do everything, and nothing below is asked. */
  readonly enabled: boolean;
  /** What is asked of the store, refused; undefined: go on. */
  refuse(caller: Caller | undefined, access: Access): MemberRefusal | undefined;
  /** For what only an administrator may do. */
  refuseAdministration(caller: Caller | undefined): MemberRefusal | undefined;
}
