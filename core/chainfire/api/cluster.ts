import {
  bool,
  enumeration,
  id64,
  type Infer,
  int64,
  message,
  nested,
  repeated,
  text,
  uint32,
  uint64,
} from '../../wire/protobuf.ts';
import { ResponseHeader } from './kv.ts';

/** The messages of etcd's Cluster and Maintenance services that the member answers. */
export const Member = message('Member', {
  id: id64(1),
  name: text(2),
  peerUrls: repeated(text(3)),
  clientUrls: repeated(text(4)),
  isLearner: bool(5),
});
export type Member = Infer<typeof Member>;

export const MemberListRequest = message('MemberListRequest', { linearizable: bool(1) });
export type MemberListRequest = Infer<typeof MemberListRequest>;
export const MemberListResponse = message('MemberListResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
});
export type MemberListResponse = Infer<typeof MemberListResponse>;

export const StatusRequest = message('StatusRequest', {});
export type StatusRequest = Infer<typeof StatusRequest>;
export const StatusResponse = message('StatusResponse', {
  header: nested(1, () => ResponseHeader),
  version: text(2),
  dbSize: int64(3),
  leader: id64(4),
  raftIndex: uint64(5),
  raftTerm: uint64(6),
  raftAppliedIndex: uint64(7),
  errors: repeated(text(8)),
  dbSizeInUse: int64(9),
  isLearner: bool(10),
});
export type StatusResponse = Infer<typeof StatusResponse>;

export const HashRequest = message('HashRequest', {});
export type HashRequest = Infer<typeof HashRequest>;
export const HashResponse = message('HashResponse', {
  header: nested(1, () => ResponseHeader),
  hash: uint32(2),
});
export type HashResponse = Infer<typeof HashResponse>;

export const HashKvRequest = message('HashKVRequest', { revision: int64(1) });
export type HashKvRequest = Infer<typeof HashKvRequest>;
export const HashKvResponse = message('HashKVResponse', {
  header: nested(1, () => ResponseHeader),
  hash: uint32(2),
  compactRevision: int64(3),
  hashRevision: int64(4),
});
export type HashKvResponse = Infer<typeof HashKvResponse>;

export const alarmTypes = { none: 0, nospace: 1, corrupt: 2 } as const;
export const alarmActions = { get: 0, activate: 1, deactivate: 2 } as const;
export const AlarmRequest = message('AlarmRequest', {
  action: enumeration(1),
  memberId: id64(2),
  alarm: enumeration(3),
});
export type AlarmRequest = Infer<typeof AlarmRequest>;
export const AlarmMember = message('AlarmMember', { memberId: id64(1), alarm: enumeration(2) });
export type AlarmMember = Infer<typeof AlarmMember>;
export const AlarmResponse = message('AlarmResponse', {
  header: nested(1, () => ResponseHeader),
  alarms: repeated(nested(2, () => AlarmMember)),
});
export type AlarmResponse = Infer<typeof AlarmResponse>;

export const MemberAddRequest = message('MemberAddRequest', {
  peerUrls: repeated(text(1)),
  isLearner: bool(2),
});
export type MemberAddRequest = Infer<typeof MemberAddRequest>;
export const MemberAddResponse = message('MemberAddResponse', {
  header: nested(1, () => ResponseHeader),
  member: nested(2, () => Member),
  members: repeated(nested(3, () => Member)),
});
export type MemberAddResponse = Infer<typeof MemberAddResponse>;

export const MemberRemoveRequest = message('MemberRemoveRequest', { id: id64(1) });
export type MemberRemoveRequest = Infer<typeof MemberRemoveRequest>;
export const MemberRemoveResponse = message('MemberRemoveResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
});
export type MemberRemoveResponse = Infer<typeof MemberRemoveResponse>;

export const MemberUpdateRequest = message('MemberUpdateRequest', {
  id: id64(1),
  peerUrls: repeated(text(2)),
});
export type MemberUpdateRequest = Infer<typeof MemberUpdateRequest>;
export const MemberUpdateResponse = message('MemberUpdateResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
});
export type MemberUpdateResponse = Infer<typeof MemberUpdateResponse>;

export const MemberPromoteRequest = message('MemberPromoteRequest', { id: id64(1) });
export type MemberPromoteRequest = Infer<typeof MemberPromoteRequest>;
export const MemberPromoteResponse = message('MemberPromoteResponse', {
  header: nested(1, () => ResponseHeader),
  members: repeated(nested(2, () => Member)),
});
export type MemberPromoteResponse = Infer<typeof MemberPromoteResponse>;

export const MoveLeaderRequest = message('MoveLeaderRequest', { targetId: id64(1) });
export type MoveLeaderRequest = Infer<typeof MoveLeaderRequest>;
export const MoveLeaderResponse = message('MoveLeaderResponse', { header: nested(1, () => ResponseHeader) });
export type MoveLeaderResponse = Infer<typeof MoveLeaderResponse>;
