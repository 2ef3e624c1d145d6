import { type Member } from '../../../core/chainfire/api/cluster.ts';

/** A member as the cluster has agreed upon it. */
export interface ClusterMember {
  readonly id: number;
  /** Empty until it has started. */
  readonly name: string;
  /** It has no vote (yet). */
  readonly isLearner: boolean;
  readonly peerUrls: readonly string[];
  /** Empty until it has started. */
  readonly clientUrls: readonly string[];
}

export type NamedMember = Pick<ClusterMember, 'id' | 'name'>;

/** Another process as gossip sees it; addresses are `host:port`. */
export interface GossipNode {
  readonly name: string;
  readonly clientAddress: string;
  readonly peerAddress: string;
}

/** What every event of the cluster carries. */
export interface Delivery {
  /**
   * Events of this kind that came before this one and that the handler was too slow for: they are dropped, the newest are kept.
   * What has become of the cluster stands in every event whole, and in `status()`.
   */
  readonly missed: number;
}

/**
 * Events of the cluster as this member sees it; docs/embedding.md says what each means and in which order they come.
 */
export interface ClusterEvents {
  /** The first time since the start that the member knows a leader: from here on requests are served. Once. */
  readonly clusterReady: { readonly leader: NamedMember; readonly term: number };
  /** Another member leads than before, or the same in another term; undefined: none is known. */
  readonly leaderChanged: {
    readonly leader: NamedMember | undefined;
    readonly previous: NamedMember | undefined;
    readonly term: number;
  };
  /** This member was elected. */
  readonly becameLeader: { readonly term: number };
  /** This member leads no longer. Between two `becameLeader` there is always one. @property term the one in which it had led */
  readonly lostLeadership: { readonly term: number };
  /** The members have changed, as this member has applied it. At least one of the lists is not empty. */
  readonly membershipChanged: {
    /** All of them now. */
    readonly members: readonly ClusterMember[];
    readonly added: readonly ClusterMember[];
    readonly removed: readonly ClusterMember[];
    /** Learners that vote now. */
    readonly promoted: readonly ClusterMember[];
    /** Those that say of themselves who they are and where clients find them, for the first time. */
    readonly started: readonly ClusterMember[];
    /** Those that are to be found elsewhere, or have another name. */
    readonly updated: readonly ClusterMember[];
  };
  /** Gossip: a process has come, or has come back after it was taken for gone. */
  readonly nodeJoined: { readonly node: GossipNode };
  /** Gossip: a process does not answer. It may be slow, or cut off. */
  readonly nodeSuspected: { readonly node: GossipNode };
  /** Gossip: one that was suspected answers after all. */
  readonly nodeTrusted: { readonly node: GossipNode };
  /** Gossip: a process has said that it goes, or has not answered for too long. */
  readonly nodeLeft: { readonly node: GossipNode; readonly reason: 'left' | 'died' };
}

export type ClusterEventName = keyof ClusterEvents;
export type ClusterEvent<Name extends ClusterEventName = ClusterEventName> = {
  [K in Name]: ClusterEvents[K] & Delivery & { readonly kind: K };
}[Name];

/** When it returns a promise, its next event waits until that has ended; anything else that it returns is ignored. */
export type ClusterEventHandler<Name extends ClusterEventName = ClusterEventName> = (
  event: ClusterEvent<Name>,
) => unknown;

export const clusterEventNames: readonly ClusterEventName[] = [
  'clusterReady',
  'leaderChanged',
  'becameLeader',
  'lostLeadership',
  'membershipChanged',
  'nodeJoined',
  'nodeSuspected',
  'nodeTrusted',
  'nodeLeft',
];

export function clusterMember({ id, name, isLearner, peerUrls, clientUrls }: Member): ClusterMember {
  return { id: Number(id), name, isLearner, peerUrls: [...peerUrls], clientUrls: [...clientUrls] };
}
