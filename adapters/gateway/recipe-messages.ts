import * as election from '../../core/chainfire/api/election.ts';
import * as lock from '../../core/chainfire/api/lock.ts';
import { base64Latin1, int64, signedId } from './json-kinds.ts';
import { jsonMessage, named, nested } from './json-message.ts';
import { KeyValue, ResponseHeader } from './kv-messages.ts';

/** The messages of the lock and election services in JSON. */
const header = nested(() => ResponseHeader);
const name = base64Latin1;
const key = base64Latin1;

export const LockRequest = jsonMessage(lock.LockRequest, { name, lease: signedId });
export const LockResponse = jsonMessage(lock.LockResponse, { header, key });
export const UnlockRequest = jsonMessage(lock.UnlockRequest, { key });
export const UnlockResponse = jsonMessage(lock.UnlockResponse, { header });

export const LeaderKey = jsonMessage(election.LeaderKey, {
  name,
  key,
  revision: named('rev', int64),
  lease: signedId,
});
const leader = nested(() => LeaderKey);
export const CampaignRequest = jsonMessage(election.CampaignRequest, { name, lease: signedId });
export const CampaignResponse = jsonMessage(election.CampaignResponse, { header, leader });
export const ProclaimRequest = jsonMessage(election.ProclaimRequest, { leader });
export const ProclaimResponse = jsonMessage(election.ProclaimResponse, { header });
export const LeaderRequest = jsonMessage(election.LeaderRequest, { name });
export const LeaderResponse = jsonMessage(election.LeaderResponse, { header, kv: nested(() => KeyValue) });
export const ResignRequest = jsonMessage(election.ResignRequest, { leader });
export const ResignResponse = jsonMessage(election.ResignResponse, { header });
