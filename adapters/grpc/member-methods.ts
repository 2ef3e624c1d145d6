import {
  AlarmRequest,
  AlarmResponse,
  HashKvRequest,
  HashKvResponse,
  HashRequest,
  HashResponse,
  MemberAddRequest,
  MemberAddResponse,
  MemberListRequest,
  MemberListResponse,
  MemberPromoteRequest,
  MemberPromoteResponse,
  MemberRemoveRequest,
  MemberRemoveResponse,
  MemberUpdateRequest,
  MemberUpdateResponse,
  MoveLeaderRequest,
  MoveLeaderResponse,
  StatusRequest,
  StatusResponse,
} from '../../core/chainfire/api/cluster.ts';
import {
  CompactionRequest,
  CompactionResponse,
  DeleteRangeRequest,
  DeleteRangeResponse,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  TxnRequest,
  TxnResponse,
} from '../../core/chainfire/api/kv.ts';
import {
  LeaseGrantRequest,
  LeaseGrantResponse,
  LeaseKeepAliveRequest,
  LeaseKeepAliveResponse,
  LeaseLeasesRequest,
  LeaseLeasesResponse,
  LeaseRevokeRequest,
  LeaseRevokeResponse,
  LeaseTimeToLiveRequest,
  LeaseTimeToLiveResponse,
} from '../../core/chainfire/api/lease.ts';
import {
  NamespaceListRequest,
  NamespaceListResponse,
  NamespacePutRequest,
  NamespacePutResponse,
  NamespaceRemoveRequest,
  NamespaceRemoveResponse,
} from '../../core/chainfire/api/namespace.ts';
import { AuthAnswer, AuthChange, AuthQuery } from '../../core/chainfire/auth/protocol.ts';
import {
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
} from '../../core/chainfire/member-protocol.ts';
import { type Codec } from './service.ts';

export type MemberRequestKind = MemberRequest['kind'];
export type RequestOf<Kind extends MemberRequestKind> = Extract<
  MemberRequest,
  { readonly kind: Kind }
>['request'];
export type ResponseOf<Kind extends MemberRequestKind> = Extract<
  Exclude<MemberResponse, MemberRefusal>,
  { readonly kind: Kind }
>['response'];

export interface MemberMethod<Request, Response> {
  readonly path: string;
  readonly request: Codec<Request>;
  readonly response: Codec<Response>;
}

/** Where each request of the member lies in etcd's interface; servers and clients share it. */
export const memberMethods: { readonly [K in MemberRequestKind]: MemberMethod<RequestOf<K>, ResponseOf<K>> } =
  {
    range: { path: '/etcdserverpb.KV/Range', request: RangeRequest, response: RangeResponse },
    put: { path: '/etcdserverpb.KV/Put', request: PutRequest, response: PutResponse },
    deleteRange: {
      path: '/etcdserverpb.KV/DeleteRange',
      request: DeleteRangeRequest,
      response: DeleteRangeResponse,
    },
    txn: { path: '/etcdserverpb.KV/Txn', request: TxnRequest, response: TxnResponse },
    compact: { path: '/etcdserverpb.KV/Compact', request: CompactionRequest, response: CompactionResponse },
    memberList: {
      path: '/etcdserverpb.Cluster/MemberList',
      request: MemberListRequest,
      response: MemberListResponse,
    },
    memberAdd: {
      path: '/etcdserverpb.Cluster/MemberAdd',
      request: MemberAddRequest,
      response: MemberAddResponse,
    },
    memberRemove: {
      path: '/etcdserverpb.Cluster/MemberRemove',
      request: MemberRemoveRequest,
      response: MemberRemoveResponse,
    },
    memberUpdate: {
      path: '/etcdserverpb.Cluster/MemberUpdate',
      request: MemberUpdateRequest,
      response: MemberUpdateResponse,
    },
    memberPromote: {
      path: '/etcdserverpb.Cluster/MemberPromote',
      request: MemberPromoteRequest,
      response: MemberPromoteResponse,
    },
    moveLeader: {
      path: '/etcdserverpb.Maintenance/MoveLeader',
      request: MoveLeaderRequest,
      response: MoveLeaderResponse,
    },
    status: { path: '/etcdserverpb.Maintenance/Status', request: StatusRequest, response: StatusResponse },
    hash: { path: '/etcdserverpb.Maintenance/Hash', request: HashRequest, response: HashResponse },
    hashKv: { path: '/etcdserverpb.Maintenance/HashKV', request: HashKvRequest, response: HashKvResponse },
    leaseGrant: {
      path: '/etcdserverpb.Lease/LeaseGrant',
      request: LeaseGrantRequest,
      response: LeaseGrantResponse,
    },
    leaseRevoke: {
      path: '/etcdserverpb.Lease/LeaseRevoke',
      request: LeaseRevokeRequest,
      response: LeaseRevokeResponse,
    },
    // The one that is a stream of requests and a stream of answers, in the same order; the others are unary.
    leaseKeepAlive: {
      path: '/etcdserverpb.Lease/LeaseKeepAlive',
      request: LeaseKeepAliveRequest,
      response: LeaseKeepAliveResponse,
    },
    leaseTimeToLive: {
      path: '/etcdserverpb.Lease/LeaseTimeToLive',
      request: LeaseTimeToLiveRequest,
      response: LeaseTimeToLiveResponse,
    },
    leaseLeases: {
      path: '/etcdserverpb.Lease/LeaseLeases',
      request: LeaseLeasesRequest,
      response: LeaseLeasesResponse,
    },
    alarm: { path: '/etcdserverpb.Maintenance/Alarm', request: AlarmRequest, response: AlarmResponse },
    namespacePut: {
      path: '/photon.chainfire.v1.Namespaces/Put',
      request: NamespacePutRequest,
      response: NamespacePutResponse,
    },
    namespaceRemove: {
      path: '/photon.chainfire.v1.Namespaces/Remove',
      request: NamespaceRemoveRequest,
      response: NamespaceRemoveResponse,
    },
    namespaceList: {
      path: '/photon.chainfire.v1.Namespaces/List',
      request: NamespaceListRequest,
      response: NamespaceListResponse,
    },
    // Not served: the Auth service makes these of what clients send, which has passwords in it.
    authChange: { path: '/photon.chainfire.v1.Auth/Change', request: AuthChange, response: AuthAnswer },
    authQuery: { path: '/photon.chainfire.v1.Auth/Query', request: AuthQuery, response: AuthAnswer },
  };
