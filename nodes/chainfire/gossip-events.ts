import { type MemberChange, type MemberRecord } from '../../core/swim/types.ts';

/** Another member, as it speaks of itself in gossip; addresses are `host:port`. */
export type GossipMember = Pick<MemberRecord, 'name' | 'clientAddress' | 'peerAddress'>;

/**
 * What gossip has to tell: who joined, left, is suspected, is trusted again, died, or is to be found elsewhere. A hint, right
 * sooner or later and wrong at times: who is a member is in the cluster's log.
 */
export interface GossipEvent {
  readonly kind: MemberChange;
  readonly member: GossipMember;
}
