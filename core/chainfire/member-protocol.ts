import {
  type EndStreamEffect,
  type NotifyEffect,
  type PersistEffect,
  type RemoveSegmentsEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
  type StopEffect,
} from '../base/effects.ts';
import { type NodeId } from '../base/ids.ts';
import { type TickEvent, type WallClockEvent } from '../base/machine.ts';
import { type Refused } from '../base/refusal.ts';
import { type GroupMessage, type RaftOptions, type SnapshotHeader } from '../raft/types.ts';
import {
  type AlarmRequest,
  type AlarmResponse,
  type HashKvRequest,
  type HashKvResponse,
  type HashRequest,
  type HashResponse,
  type MemberAddRequest,
  type MemberAddResponse,
  type MemberListRequest,
  type MemberListResponse,
  type MemberPromoteRequest,
  type MemberPromoteResponse,
  type MemberRemoveRequest,
  type MemberRemoveResponse,
  type MemberUpdateRequest,
  type MemberUpdateResponse,
  type MoveLeaderRequest,
  type MoveLeaderResponse,
  type StatusRequest,
  type StatusResponse,
} from './api/cluster.ts';
import {
  type CompactionRequest,
  type CompactionResponse,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
} from './api/kv.ts';

import {
  type LeaseGrantRequest,
  type LeaseGrantResponse,
  type LeaseKeepAliveRequest,
  type LeaseKeepAliveResponse,
  type LeaseLeasesRequest,
  type LeaseLeasesResponse,
  type LeaseRevokeRequest,
  type LeaseRevokeResponse,
  type LeaseTimeToLiveRequest,
  type LeaseTimeToLiveResponse,
} from './api/lease.ts';
import {
  type NamespaceListRequest,
  type NamespaceListResponse,
  type NamespacePutRequest,
  type NamespacePutResponse,
  type NamespaceRemoveRequest,
  type NamespaceRemoveResponse,
} from './api/namespace.ts';
import { type WatchRequest, type WatchResponse } from './api/watch.ts';
import { type AutoCompactionOptions } from './auto-compaction-options.ts';
import { type RangePage, type RangePlace } from './mvcc/range-page.ts';
import { type AuthAnswer, type AuthChange, type AuthQuery, type Credential } from './auth/protocol.ts';

/** What a member is told at start; the same everywhere in its life. */
export interface MemberConfig {
  readonly clusterId: bigint;
  readonly id: NodeId;
  /**
   * Members of the static bootstrap, by id: the cluster's birth, the same for every member that ever joins it. A later member
   * list comes from the store.
   */
  readonly initialMembers: readonly InitialMember[];
  /** For a member that is none of those: it was added to a cluster that runs, and starts with nothing but this. */
  readonly join?: JoiningMember | undefined;
  /**
   * Members that the cluster is known to have by now, to be asked, beside those that this one knows, whether it still is one
   * or to become one, whenever it hears of no leader. Without them, one that was cut off until all that it knew had left
   * never hears of its removal. Default: none.
   */
  readonly contacts?: readonly NodeId[] | undefined;
  /**
   * This member has started before, and its log was durable: where it finds none, it has lost its votes and what it had
   * acknowledged, and does not start. Default: it may be its first start.
   */
  readonly hasStarted?: boolean | undefined;
  /** Published through the log once there is a leader, so that every member can list them. */
  readonly clientUrls: readonly string[];
  readonly raft: RaftOptions;
  /** etcd's limit, 1.5 MiB. */
  readonly requestBytesMax: number;
  readonly txnOperationsMax: number;
  /** Requests that wait for the log or for a read index; beyond it they are refused as TOO_MANY_REQUESTS. */
  readonly pendingRequestsMax: number;
  /** A request that waits longer is answered with TIMEOUT: its outcome is unknown. */
  readonly requestTimeoutUs: number;
  /** Bytes written to the store and not yet reported as stored; at the bound the member stops applying. */
  readonly storeBacklogBytesMax: number;
  /** Log entries kept behind the applied index that is stored, for followers that are a little late. */
  readonly trailingEntries: number;
  /** Records that one turn of freeing what compaction released looks at. */
  readonly compactionBatch: number;
  /** From the beginning of such a turn to that of the next. */
  readonly compactionPauseUs: number;
  /** Compaction that nobody asks for; the same on all members. Default: none. */
  readonly autoCompaction?: AutoCompactionOptions | undefined;
  /**
   * How much faster or slower than another a member's monotonic clock may run, in millionths. Leases last this much longer
   * than they say, so that none ends early by a fast clock; leader-lease reads end this much before the leader's time.
   */
  readonly clockDriftPpmMax: number;
  /** Leases at most; beyond it a grant is refused as TOO_MANY_LEASES. */
  readonly leasesMax: number;
  /** A stream that has this much not yet drained gets nothing more; its watches go on from history later. */
  readonly streamBytesMax: number;
  readonly watchesPerStreamMax: number;
  /** Streams at once; beyond it a new one is ended as TOO_MANY_REQUESTS. */
  readonly streamsMax: number;
  /** Events of one revision that come to more are split for watches that allow it. */
  readonly watchFragmentBytes: number;
  /** How often a watch that asked for it is told of progress while it has no events. */
  readonly watchProgressIntervalUs: number;
  /**
   * Rows of the store, as `storedBytes` counts them, at which the member raises NOSPACE; 0: none. More may come in that is under
   * way by then.
   */
  readonly quotaBackendBytes: number;
  /** How often a leader has the members compare their stores; 0: never. */
  readonly corruptionCheckIntervalUs: number;
  /** Whether this member asks for a comparison when it has started and caught up. */
  readonly initialCorruptionCheck: boolean;
  /** How long a token of the log lives behind its last use, here. */
  readonly authTokenTtlUs: number;
}

export interface InitialMember {
  readonly id: NodeId;
  readonly name: string;
  readonly peerUrls: readonly string[];
}

export interface JoiningMember {
  readonly name: string;
  readonly peerUrls: readonly string[];
}

/**
 * Whatever is here, at once: below etcd's `serializable`, which waits for what was known to be committed on arrival. For
 * requests that only read; one that writes ignores it.
 */
export type LocalConsistency = 'local';

/** Requests of clients, decoded. Each has one response, or is refused. */
export type MemberRequest = RequestBody & {
  /** What the caller shows for who it is; absent: nothing. */
  readonly by?: Credential | undefined;
};

type RequestBody =
  | {
      readonly kind: 'range';
      readonly request: RangeRequest;
      readonly consistency?: LocalConsistency;
      /** Of a range in key order only so much at once; absent: all of it. */
      readonly page?: RangePage;
    }
  | { readonly kind: 'put'; readonly request: PutRequest }
  | { readonly kind: 'deleteRange'; readonly request: DeleteRangeRequest }
  | { readonly kind: 'txn'; readonly request: TxnRequest; readonly consistency?: LocalConsistency }
  | { readonly kind: 'compact'; readonly request: CompactionRequest }
  | { readonly kind: 'memberList'; readonly request: MemberListRequest }
  /** Answered when the change is in force; the member comes in as a learner, and as a voter votes once it has caught up. */
  | { readonly kind: 'memberAdd'; readonly request: MemberAddRequest }
  | { readonly kind: 'memberRemove'; readonly request: MemberRemoveRequest }
  | { readonly kind: 'memberUpdate'; readonly request: MemberUpdateRequest }
  | { readonly kind: 'memberPromote'; readonly request: MemberPromoteRequest }
  /** Of the leader alone, as in etcd; TIMEOUT where the other has not taken over in time. */
  | { readonly kind: 'moveLeader'; readonly request: MoveLeaderRequest }
  | { readonly kind: 'status'; readonly request: StatusRequest }
  | { readonly kind: 'hash'; readonly request: HashRequest }
  | { readonly kind: 'hashKv'; readonly request: HashKvRequest }
  | { readonly kind: 'leaseGrant'; readonly request: LeaseGrantRequest }
  | { readonly kind: 'leaseRevoke'; readonly request: LeaseRevokeRequest }
  /** Refused never for a lease that is gone: the answer then has a time to live of 0. */
  | { readonly kind: 'leaseKeepAlive'; readonly request: LeaseKeepAliveRequest }
  | { readonly kind: 'leaseTimeToLive'; readonly request: LeaseTimeToLiveRequest }
  | { readonly kind: 'leaseLeases'; readonly request: LeaseLeasesRequest }
  /** To ask which are raised is to read; anything else goes through the log. */
  | { readonly kind: 'alarm'; readonly request: AlarmRequest }
  /** Prefixes of keys with limits to what lies below them; refused by name where there is no room. */
  | { readonly kind: 'namespacePut'; readonly request: NamespacePutRequest }
  | { readonly kind: 'namespaceRemove'; readonly request: NamespaceRemoveRequest }
  | { readonly kind: 'namespaceList'; readonly request: NamespaceListRequest }
  /** Users, roles, permissions, and whether they count. */
  | { readonly kind: 'authChange'; readonly request: AuthChange }
  | { readonly kind: 'authQuery'; readonly request: AuthQuery };

export type RequestOf<Kind extends MemberRequest['kind']> = Extract<MemberRequest, { readonly kind: Kind }>;

export type MemberResponse =
  /** `next` where a page was asked for, and it was not the last. */
  | { readonly kind: 'range'; readonly response: RangeResponse; readonly next?: RangePlace | undefined }
  | { readonly kind: 'put'; readonly response: PutResponse }
  | { readonly kind: 'deleteRange'; readonly response: DeleteRangeResponse }
  | { readonly kind: 'txn'; readonly response: TxnResponse }
  | { readonly kind: 'compact'; readonly response: CompactionResponse }
  | { readonly kind: 'memberList'; readonly response: MemberListResponse }
  | { readonly kind: 'memberAdd'; readonly response: MemberAddResponse }
  | { readonly kind: 'memberRemove'; readonly response: MemberRemoveResponse }
  | { readonly kind: 'memberUpdate'; readonly response: MemberUpdateResponse }
  | { readonly kind: 'memberPromote'; readonly response: MemberPromoteResponse }
  | { readonly kind: 'moveLeader'; readonly response: MoveLeaderResponse }
  | { readonly kind: 'status'; readonly response: StatusResponse }
  | { readonly kind: 'hash'; readonly response: HashResponse }
  | { readonly kind: 'hashKv'; readonly response: HashKvResponse }
  | { readonly kind: 'leaseGrant'; readonly response: LeaseGrantResponse }
  | { readonly kind: 'leaseRevoke'; readonly response: LeaseRevokeResponse }
  | { readonly kind: 'leaseKeepAlive'; readonly response: LeaseKeepAliveResponse }
  | { readonly kind: 'leaseTimeToLive'; readonly response: LeaseTimeToLiveResponse }
  | { readonly kind: 'leaseLeases'; readonly response: LeaseLeasesResponse }
  | { readonly kind: 'alarm'; readonly response: AlarmResponse }
  | { readonly kind: 'namespacePut'; readonly response: NamespacePutResponse }
  | { readonly kind: 'namespaceRemove'; readonly response: NamespaceRemoveResponse }
  | { readonly kind: 'namespaceList'; readonly response: NamespaceListResponse }
  | { readonly kind: 'authChange'; readonly response: AuthAnswer }
  | { readonly kind: 'authQuery'; readonly response: AuthAnswer }
  | MemberRefusal;

export type MemberRefusal = Refused<MemberRefusalCode>;

/**
 * The closed list of Chainfire's refusals. Every one but TIMEOUT and LEADER_CHANGED promises that nothing was done, and
 * nothing will be.
 */
export type MemberRefusalCode =
  | 'EMPTY_KEY'
  | 'KEY_TOO_LONG'
  | 'RANGE_BACKWARDS'
  | 'NEGATIVE_REVISION'
  | 'NEGATIVE_LIMIT'
  | 'INVALID_SORT_OPTION'
  | 'INVALID_COMPARE'
  | 'INVALID_OPERATION'
  | 'VALUE_PROVIDED'
  | 'LEASE_PROVIDED'
  | 'KEY_NOT_FOUND'
  | 'LEASE_NOT_FOUND'
  | 'LEASE_EXISTS'
  | 'LEASE_TTL_TOO_LARGE'
  | 'TOO_MANY_LEASES'
  | 'TOO_MANY_OPERATIONS'
  | 'DUPLICATE_KEY'
  | 'REQUEST_TOO_LARGE'
  | 'NO_SPACE'
  | 'CORRUPT'
  | 'INVALID_ALARM'
  | 'TOO_MANY_ALARMS'
  | 'COMPACTED'
  | 'FUTURE_REVISION'
  | 'MEMBER_NOT_FOUND'
  | 'MEMBER_NOT_LEARNER'
  | 'MEMBER_CHANGE_IN_PROGRESS'
  | 'PEER_URL_EXISTS'
  | 'INVALID_PEER_URLS'
  | 'TOO_MANY_LEARNERS'
  | 'LEARNER_NOT_READY'
  | 'NOT_ENOUGH_STARTED_MEMBERS'
  | 'UNHEALTHY'
  | 'NOT_LEADER'
  | 'BAD_LEADER_TRANSFEREE'
  | 'TOO_MANY_REQUESTS'
  | 'NO_LEADER'
  | 'LEADER_CHANGED'
  | 'TIMEOUT'
  | 'STOPPED'
  | 'AUTH_NOT_ENABLED'
  | 'AUTH_FAILED'
  | 'AUTH_REVISION_OLD'
  | 'INVALID_AUTH_TOKEN'
  | 'INVALID_AUTH_MANAGEMENT'
  | 'PERMISSION_DENIED'
  | 'PERMISSION_NOT_GIVEN'
  | 'PERMISSION_NOT_GRANTED'
  | 'ROOT_USER_NOT_FOUND'
  | 'ROOT_ROLE_NOT_GRANTED'
  | 'USER_NAME_EMPTY'
  | 'USER_EXISTS'
  | 'USER_NOT_FOUND'
  | 'ROLE_NAME_EMPTY'
  | 'ROLE_EXISTS'
  | 'ROLE_NOT_FOUND'
  | 'ROLE_NOT_GRANTED'
  | 'NAME_TOO_LONG'
  | 'TOO_MANY_GRANTS'
  | 'INVALID_NAMESPACE'
  | 'NAMESPACE_EXISTS'
  | 'NAMESPACE_NOT_FOUND'
  | 'NAMESPACE_OVERLAPS'
  | 'NAMESPACE_QUOTA_EXCEEDED'
  | 'TOO_MANY_NAMESPACES';

/** What a stream is for, said when it opens. */
export interface MemberStream {
  readonly kind: 'watch';
  /** The client wants it ended as NO_LEADER when this member has known no leader for three election time-outs. */
  readonly requireLeader: boolean;
  /** What the caller shows for who it is; absent: nothing. */
  readonly by?: Credential | undefined;
}

export type MemberEvent =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'received'; readonly from: NodeId; readonly messages: readonly GroupMessage[] }
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'stored'; readonly storeSeq: number }
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: MemberRequest }
  /** The client is gone: no reply is wanted. What was proposed may still happen. */
  | { readonly kind: 'cancelled'; readonly requestId: number }
  /** A client has opened a stream; ids are never used again. */
  | { readonly kind: 'streamOpened'; readonly streamId: number; readonly stream: MemberStream }
  | { readonly kind: 'streamReceived'; readonly streamId: number; readonly request: WatchRequest }
  /** The transport has taken this much of what was notified since the last time. */
  | { readonly kind: 'streamDrained'; readonly streamId: number; readonly bytes: number }
  /** The client is gone. Not said of a stream that the machine has ended. */
  | { readonly kind: 'streamClosed'; readonly streamId: number }
  /** A peer's snapshot lies complete in the stage; the member installs or discards it. */
  | {
      readonly kind: 'snapshotReceived';
      readonly from: NodeId;
      readonly stageId: number;
      readonly header: SnapshotHeader;
    }
  | { readonly kind: 'snapshotSent'; readonly to: NodeId }
  | { readonly kind: 'snapshotFailed'; readonly to: NodeId };

export type MemberEffect =
  | PersistEffect
  | SendEffect<GroupMessage>
  | ReplyEffect<MemberResponse>
  | RemoveSegmentsEffect
  | SendSnapshotEffect<SnapshotHeader>
  | NotifyEffect<WatchResponse>
  | EndStreamEffect<MemberRefusal>
  | StopEffect;
