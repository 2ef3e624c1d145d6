import { type Infer, message, nested, repeated, text, uint64 } from '../wire/protobuf.ts';
import {
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  type RangeRequest,
  type RequestOp,
  TxnRequest,
} from './api/kv.ts';

/** What a member says of itself to everybody. */
export const MemberAttributes = message('MemberAttributes', {
  id: uint64(1),
  name: text(2),
  peerUrls: repeated(text(3)),
  clientUrls: repeated(text(4)),
});
export type MemberAttributes = Infer<typeof MemberAttributes>;

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
});
export type Command = Infer<typeof Command>;

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

function someRange(txn: TxnRequest, matches: (range: RangeRequest) => boolean): boolean {
  const some = ({ requestRange, requestTxn }: RequestOp): boolean =>
    (requestRange !== undefined && matches(requestRange)) ||
    (requestTxn !== undefined && someRange(requestTxn, matches));
  return txn.success.some(some) || txn.failure.some(some);
}
