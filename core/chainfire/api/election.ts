import { bytes, id64, type Infer, int64, latin1, message, nested } from '../../wire/protobuf.ts';
import { KeyValue, ResponseHeader } from './kv.ts';

/** The messages of etcd's election service (`v3electionpb`). */
export const LeaderKey = message('LeaderKey', {
  name: latin1(1),
  key: latin1(2),
  /** Create revision of the key: the leader's fencing token. */
  revision: int64(3),
  lease: id64(4),
});
export type LeaderKey = Infer<typeof LeaderKey>;

export const CampaignRequest = message('CampaignRequest', {
  name: latin1(1),
  lease: id64(2),
  value: bytes(3),
});
export type CampaignRequest = Infer<typeof CampaignRequest>;
export const CampaignResponse = message('CampaignResponse', {
  header: nested(1, () => ResponseHeader),
  leader: nested(2, () => LeaderKey),
});
export type CampaignResponse = Infer<typeof CampaignResponse>;
export const ProclaimRequest = message('ProclaimRequest', {
  leader: nested(1, () => LeaderKey),
  value: bytes(2),
});
export type ProclaimRequest = Infer<typeof ProclaimRequest>;
export const ProclaimResponse = message('ProclaimResponse', { header: nested(1, () => ResponseHeader) });
export type ProclaimResponse = Infer<typeof ProclaimResponse>;
export const LeaderRequest = message('LeaderRequest', { name: latin1(1) });
export type LeaderRequest = Infer<typeof LeaderRequest>;
export const LeaderResponse = message('LeaderResponse', {
  header: nested(1, () => ResponseHeader),
  kv: nested(2, () => KeyValue),
});
export type LeaderResponse = Infer<typeof LeaderResponse>;
export const ResignRequest = message('ResignRequest', { leader: nested(1, () => LeaderKey) });
export type ResignRequest = Infer<typeof ResignRequest>;
export const ResignResponse = message('ResignResponse', { header: nested(1, () => ResponseHeader) });
export type ResignResponse = Infer<typeof ResignResponse>;
