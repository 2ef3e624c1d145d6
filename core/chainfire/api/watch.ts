import {
  bool,
  bytes,
  enumeration,
  type Infer,
  int64,
  latin1,
  message,
  nested,
  repeated,
  text,
} from '../../wire/protobuf.ts';
import { KeyValue, ResponseHeader } from './kv.ts';

/** The messages of etcd's Watch service (`etcdserverpb`, `mvccpb`). */
export const eventTypes = { put: 0, delete: 1 } as const;

export const Event = message('Event', {
  type: enumeration(1),
  /** Of a deletion: key and mod_revision alone. */
  kv: nested(2, () => KeyValue),
  prevKv: nested(3, () => KeyValue),
});
export type Event = Infer<typeof Event>;

export const watchFilters = { noPut: 0, noDelete: 1 } as const;

export const WatchCreateRequest = message('WatchCreateRequest', {
  key: latin1(1),
  rangeEnd: latin1(2),
  /** The first revision wanted; 0: whatever happens from now on. */
  startRevision: int64(3),
  progressNotify: bool(4),
  filters: repeated(enumeration(5)),
  prevKv: bool(6),
  /** 0: the member chooses one. Unique in its stream. */
  watchId: int64(7),
  /** The client can put a revision together that comes in several responses. */
  fragment: bool(8),
});
export type WatchCreateRequest = Infer<typeof WatchCreateRequest>;
export const WatchCancelRequest = message('WatchCancelRequest', { watchId: int64(1) });
export type WatchCancelRequest = Infer<typeof WatchCancelRequest>;
export const WatchProgressRequest = message('WatchProgressRequest', {});
export type WatchProgressRequest = Infer<typeof WatchProgressRequest>;

/** Exactly one of the three is set. */
export const WatchRequest = message('WatchRequest', {
  create: nested(1, () => WatchCreateRequest),
  cancel: nested(2, () => WatchCancelRequest),
  progress: nested(3, () => WatchProgressRequest),
});
export type WatchRequest = Infer<typeof WatchRequest>;

/** The watch id of an answer to a progress request: it speaks of every watch of the stream. */
export const everyWatch = -1;

/**
 * Events stay encoded (`Event`): one encoding serves every watch that an event goes to. On the wire this is a repeated
 * message field like any other.
 *
 * The header's revision of a response with events, or with none at all (progress): every event up to it has been sent,
 * unless `fragment` says that more of the same revision follows.
 */
export const WatchResponse = message('WatchResponse', {
  header: nested(1, () => ResponseHeader),
  watchId: int64(2),
  created: bool(3),
  canceled: bool(4),
  /** With `canceled`: the start revision lies below it, and this is the first that can be watched from. */
  compactRevision: int64(5),
  cancelReason: text(6),
  fragment: bool(7),
  events: repeated(bytes(11)),
});
export type WatchResponse = Infer<typeof WatchResponse>;
