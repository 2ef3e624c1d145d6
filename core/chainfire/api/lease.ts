import {
  bool,
  id64,
  type Infer,
  int64,
  latin1,
  message,
  nested,
  repeated,
  saturatedInt64,
} from '../../wire/protobuf.ts';
import { ResponseHeader } from './kv.ts';

/** The messages of etcd's Lease service (`etcdserverpb`). Times to live are whole seconds; ids are unsigned bigints. */
export const LeaseGrantRequest = message('LeaseGrantRequest', {
  ttlSeconds: saturatedInt64(1),
  /** 0: the member chooses one. */
  id: id64(2),
});
export type LeaseGrantRequest = Infer<typeof LeaseGrantRequest>;
export const LeaseGrantResponse = message('LeaseGrantResponse', {
  header: nested(1, () => ResponseHeader),
  id: id64(2),
  ttlSeconds: int64(3),
});
export type LeaseGrantResponse = Infer<typeof LeaseGrantResponse>;

export const LeaseRevokeRequest = message('LeaseRevokeRequest', { id: id64(1) });
export type LeaseRevokeRequest = Infer<typeof LeaseRevokeRequest>;
export const LeaseRevokeResponse = message('LeaseRevokeResponse', {
  header: nested(1, () => ResponseHeader),
});
export type LeaseRevokeResponse = Infer<typeof LeaseRevokeResponse>;

export const LeaseKeepAliveRequest = message('LeaseKeepAliveRequest', { id: id64(1) });
export type LeaseKeepAliveRequest = Infer<typeof LeaseKeepAliveRequest>;
export const LeaseKeepAliveResponse = message('LeaseKeepAliveResponse', {
  header: nested(1, () => ResponseHeader),
  id: id64(2),
  /** 0: there is no such lease (any more). */
  ttlSeconds: int64(3),
});
export type LeaseKeepAliveResponse = Infer<typeof LeaseKeepAliveResponse>;

export const LeaseTimeToLiveRequest = message('LeaseTimeToLiveRequest', { id: id64(1), keys: bool(2) });
export type LeaseTimeToLiveRequest = Infer<typeof LeaseTimeToLiveRequest>;
export const LeaseTimeToLiveResponse = message('LeaseTimeToLiveResponse', {
  header: nested(1, () => ResponseHeader),
  id: id64(2),
  /** What is left of it; −1: there is no such lease. */
  ttlSeconds: int64(3),
  grantedTtlSeconds: int64(4),
  keys: repeated(latin1(5)),
});
export type LeaseTimeToLiveResponse = Infer<typeof LeaseTimeToLiveResponse>;

export const LeaseLeasesRequest = message('LeaseLeasesRequest', {});
export type LeaseLeasesRequest = Infer<typeof LeaseLeasesRequest>;
export const LeaseStatus = message('LeaseStatus', { id: id64(1) });
export type LeaseStatus = Infer<typeof LeaseStatus>;
export const LeaseLeasesResponse = message('LeaseLeasesResponse', {
  header: nested(1, () => ResponseHeader),
  leases: repeated(nested(2, () => LeaseStatus)),
});
export type LeaseLeasesResponse = Infer<typeof LeaseLeasesResponse>;
