import { enumeration, id64, type Infer, message, nested, repeated, text, uint64 } from '../wire/protobuf.ts';
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  type RangeRequest,
  type RequestOp,
  TxnRequest,
} from './api/kv.ts';
import {
  AlarmMember,
  AlarmRequest,
  MemberAddRequest,
  MemberPromoteRequest,
  MemberRemoveRequest,
  MemberUpdateRequest,
} from './api/cluster.ts';
import { CheckReport, CheckRequested } from './alarm/check-state.ts';
import { Caller } from './auth/caller.ts';
import { AuthChange } from './auth/protocol.ts';
import { NamespacePutRequest, NamespaceRemoveRequest } from './api/namespace.ts';
import { LeaseGrantRequest, LeaseRevokeRequest } from './api/lease.ts';
import { NamespaceTurn } from './namespace/protocol.ts';

/** What a member says of itself to everybody. */
export const MemberAttributes = message('MemberAttributes', {
  id: uint64(1),
  name: text(2),
  peerUrls: repeated(text(3)),
  clientUrls: repeated(text(4)),
});
export type MemberAttributes = Infer<typeof MemberAttributes>;

/** Keepalives that gathered while the previous renewal was under way: one entry for all of them. */
export const LeaseRenewal = message('LeaseRenewal', { ids: repeated(id64(1)) });
export type LeaseRenewal = Infer<typeof LeaseRenewal>;

/** A leader's finding that leases are overdue; it holds good in its own term only. */
export const LeaseExpiry = message('LeaseExpiry', {
  ids: repeated(id64(1)),
  /** The term that it was found in; the entry does nothing in another. */
  term: uint64(2),
  /** What the finder had applied; a lease renewed behind it lives on. */
  appliedIndex: uint64(3),
});
export type LeaseExpiry = Infer<typeof LeaseExpiry>;

/** A leader's finding that the change of the members at `index` cannot be carried out; it holds good in its own term only. */
export const MemberChangeRefused = message('MemberChangeRefused', {
  index: uint64(1),
  term: uint64(2),
  /** One of `memberChangeRefusals`. */
  refusal: enumeration(3),
});
export type MemberChangeRefused = Infer<typeof MemberChangeRefused>;

/**
 * A command in the log: who proposed it, and the one thing that it does.
 *
 * The origin tells a member which of its waiting requests is done. That a command stands in the log at most once is Raft's
 * business: it takes a forwarded proposal once, whatever the network does to the message. Requests are those that clients
 * send, checked before they were proposed.
 */
export const Command = message('Command', {
  /** The member that proposed it. */
  member: uint64(1),
  /** Drawn at that member's start, so that its numbers mean nothing to a later life of it. */
  boot: uint64(2),
  /** Counts that member's proposals of this life from 1. */
  seq: uint64(3),
  put: nested(4, () => PutRequest),
  deleteRange: nested(5, () => DeleteRangeRequest),
  txn: nested(6, () => TxnRequest),
  compact: nested(7, () => CompactionRequest),
  publishMember: nested(8, () => MemberAttributes),
  leaseGrant: nested(9, () => LeaseGrantRequest),
  leaseRevoke: nested(10, () => LeaseRevokeRequest),
  leaseRenew: nested(11, () => LeaseRenewal),
  leaseExpire: nested(12, () => LeaseExpiry),
  memberAdd: nested(13, () => MemberAddRequest),
  memberRemove: nested(14, () => MemberRemoveRequest),
  memberUpdate: nested(15, () => MemberUpdateRequest),
  memberPromote: nested(16, () => MemberPromoteRequest),
  memberChangeRefused: nested(17, () => MemberChangeRefused),
  /** Raised or disarmed by request. */
  alarm: nested(18, () => AlarmRequest),
  /** What a member has found about itself. */
  alarmRaised: nested(19, () => AlarmMember),
  namespacePut: nested(23, () => NamespacePutRequest),
  namespaceRemove: nested(24, () => NamespaceRemoveRequest),
  namespaceTurn: nested(25, () => NamespaceTurn),
  checkRequested: nested(20, () => CheckRequested),
  checkReported: nested(21, () => CheckReport),
  authChange: nested(30, () => AuthChange),
  /** For whom it is proposed; undefined for nobody that is known. */
  caller: nested(31, () => Caller),
});
export type Command = Infer<typeof Command>;

/** What a command does; exactly one is set. */
export type CommandBody = Omit<Command, 'member' | 'boot' | 'seq' | 'caller'>;
export const emptyBody: CommandBody = {
  put: undefined,
  deleteRange: undefined,
  txn: undefined,
  compact: undefined,
  publishMember: undefined,
  leaseGrant: undefined,
  leaseRevoke: undefined,
  leaseRenew: undefined,
  leaseExpire: undefined,
  memberAdd: undefined,
  memberRemove: undefined,
  memberUpdate: undefined,
  memberPromote: undefined,
  memberChangeRefused: undefined,
  alarm: undefined,
  alarmRaised: undefined,
  namespacePut: undefined,
  namespaceRemove: undefined,
  namespaceTurn: undefined,
  checkRequested: undefined,
  checkReported: undefined,
  authChange: undefined,
};

/**
 * How deep a command's messages may nest: two levels for each transaction in a transaction, of which `txnOperationsMax`
 * admits no more than this. It is more than any request's decoder accepts, since what was proposed must be readable.
 */
export const commandDepthMax = 1_000;

/** A transaction that only reads needs no place in the log. */
export function writesNothing(txn: TxnRequest): boolean {
  const reads = ({ requestRange, requestTxn }: RequestOp): boolean =>
    requestRange !== undefined || (requestTxn !== undefined && writesNothing(requestTxn));
  return txn.success.every(reads) && txn.failure.every(reads);
}

/**
 * Whether a transaction that only reads may be answered from what this member has: every range in it says so. One without
 * any range asks only whether its compares hold, and that is asked of the newest state.
 */
export function isSerializable(txn: TxnRequest): boolean {
  return someRange(txn, () => true) && !someRange(txn, (range) => !range.serializable);
}

/** Whether a transaction names an earlier revision anywhere. */
export function readsHistory(txn: TxnRequest): boolean {
  return someRange(txn, (range) => range.revision !== 0);
}

/** Whether a transaction hangs keys on leases anywhere, whichever way it goes. */
export function txnLeases(txn: TxnRequest): boolean {
  const leases = ({ requestPut, requestTxn }: RequestOp): boolean =>
    (requestPut !== undefined && requestPut.lease !== 0n) ||
    (requestTxn !== undefined && txnLeases(requestTxn));
  return txn.success.some(leases) || txn.failure.some(leases);
}

function someRange(txn: TxnRequest, matches: (range: RangeRequest) => boolean): boolean {
  const some = ({ requestRange, requestTxn }: RequestOp): boolean =>
    (requestRange !== undefined && matches(requestRange)) ||
    (requestTxn !== undefined && someRange(requestTxn, matches));
  return txn.success.some(some) || txn.failure.some(some);
}
