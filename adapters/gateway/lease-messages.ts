import * as api from '../../core/chainfire/api/lease.ts';
import { base64Latin1, int64, list, signedId } from './json-kinds.ts';
import { jsonMessage, named, nested } from './json-message.ts';
import { ResponseHeader } from './kv-messages.ts';

/** The Lease service's messages in JSON. */
const header = nested(() => ResponseHeader);
const id = named('ID', signedId);
const ttlSeconds = named('TTL', int64);

export const LeaseGrantRequest = jsonMessage(api.LeaseGrantRequest, { id, ttlSeconds });
export const LeaseGrantResponse = jsonMessage(api.LeaseGrantResponse, { header, id, ttlSeconds });
export const LeaseRevokeRequest = jsonMessage(api.LeaseRevokeRequest, { id });
export const LeaseRevokeResponse = jsonMessage(api.LeaseRevokeResponse, { header });
export const LeaseKeepAliveRequest = jsonMessage(api.LeaseKeepAliveRequest, { id });
export const LeaseKeepAliveResponse = jsonMessage(api.LeaseKeepAliveResponse, { header, id, ttlSeconds });
export const LeaseTimeToLiveRequest = jsonMessage(api.LeaseTimeToLiveRequest, { id });
export const LeaseTimeToLiveResponse = jsonMessage(api.LeaseTimeToLiveResponse, {
  header,
  id,
  ttlSeconds,
  grantedTtlSeconds: named('grantedTTL', int64),
  keys: list(base64Latin1),
});
export const LeaseLeasesRequest = jsonMessage(api.LeaseLeasesRequest, {});
export const LeaseStatus = jsonMessage(api.LeaseStatus, { id });
export const LeaseLeasesResponse = jsonMessage(api.LeaseLeasesResponse, {
  header,
  leases: list(nested(() => LeaseStatus)),
});
