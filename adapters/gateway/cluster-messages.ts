import * as api from '../../core/chainfire/api/cluster.ts';
import * as maintenance from '../grpc/maintenance-messages.ts';
import { bool, enumeration, int64, list, text, uint32, uint64, unsignedId } from './json-kinds.ts';
import { jsonMessage, named, nested } from './json-message.ts';
import { ResponseHeader } from './kv-messages.ts';

/** The messages of the Cluster and Maintenance services in JSON. */
const header = nested(() => ResponseHeader);
const id = named('ID', unsignedId);
const peerUrls = named('peerURLs', list(text));
const isLearner = named('isLearner', bool);

export const Member = jsonMessage(api.Member, {
  id,
  name: text,
  peerUrls,
  clientUrls: named('clientURLs', list(text)),
  isLearner,
});
const member = nested(() => Member);
const members = list(member);

export const MemberListRequest = jsonMessage(api.MemberListRequest, {});
export const MemberListResponse = jsonMessage(api.MemberListResponse, { header, members });
export const MemberAddRequest = jsonMessage(api.MemberAddRequest, { peerUrls, isLearner });
export const MemberAddResponse = jsonMessage(api.MemberAddResponse, { header, member, members });
export const MemberRemoveRequest = jsonMessage(api.MemberRemoveRequest, { id });
export const MemberRemoveResponse = jsonMessage(api.MemberRemoveResponse, { header, members });
export const MemberUpdateRequest = jsonMessage(api.MemberUpdateRequest, { id, peerUrls });
export const MemberUpdateResponse = jsonMessage(api.MemberUpdateResponse, { header, members });
export const MemberPromoteRequest = jsonMessage(api.MemberPromoteRequest, { id });
export const MemberPromoteResponse = jsonMessage(api.MemberPromoteResponse, { header, members });
export const MoveLeaderRequest = jsonMessage(api.MoveLeaderRequest, {
  targetId: named('targetID', unsignedId),
});
export const MoveLeaderResponse = jsonMessage(api.MoveLeaderResponse, { header });

export const StatusRequest = jsonMessage(api.StatusRequest, {});
export const StatusResponse = jsonMessage(api.StatusResponse, {
  header,
  version: text,
  dbSize: named('dbSize', int64),
  leader: unsignedId,
  raftIndex: named('raftIndex', uint64),
  raftTerm: named('raftTerm', uint64),
  raftAppliedIndex: named('raftAppliedIndex', uint64),
  errors: list(text),
  dbSizeInUse: named('dbSizeInUse', int64),
  isLearner,
});
export const HashRequest = jsonMessage(api.HashRequest, {});
export const HashResponse = jsonMessage(api.HashResponse, { header, hash: uint32 });
export const HashKvRequest = jsonMessage(api.HashKvRequest, {});
export const HashKvResponse = jsonMessage(api.HashKvResponse, { header, hash: uint32 });

const { alarmTypes, alarmActions } = api;
const alarm = enumeration('etcdserverpb.AlarmType', {
  NONE: alarmTypes.none,
  NOSPACE: alarmTypes.nospace,
  CORRUPT: alarmTypes.corrupt,
});
const memberId = named('memberID', unsignedId);
export const AlarmRequest = jsonMessage(api.AlarmRequest, {
  action: enumeration('etcdserverpb.AlarmRequest_AlarmAction', {
    GET: alarmActions.get,
    ACTIVATE: alarmActions.activate,
    DEACTIVATE: alarmActions.deactivate,
  }),
  memberId,
  alarm,
});
export const AlarmMember = jsonMessage(api.AlarmMember, { memberId, alarm });
export const AlarmResponse = jsonMessage(api.AlarmResponse, {
  header,
  alarms: list(nested(() => AlarmMember)),
});

export const DefragmentRequest = jsonMessage(maintenance.DefragmentRequest, {});
export const DefragmentResponse = jsonMessage(maintenance.DefragmentResponse, { header });
export const SnapshotRequest = jsonMessage(maintenance.SnapshotRequest, {});
export const SnapshotResponse = jsonMessage(maintenance.SnapshotResponse, { header, remainingBytes: uint64 });
