/** What one member holds of another; each overrides those before it where the incarnation is the same. */
export type MemberState = 'alive' | 'suspect' | 'dead' | 'left';

export const memberStates: readonly MemberState[] = ['alive', 'suspect', 'dead', 'left'];

/** What a member says of itself. Addresses are opaque to the machine: `host:port` in production. */
export interface MemberPlace {
  /** Names the member in its cluster; two processes never bear it at the same time. */
  readonly name: string;
  /** Where it takes datagrams. */
  readonly gossipAddress: string;
  /** Where it takes clients; empty when it does not say. */
  readonly clientAddress: string;
  /** Where it takes its peers; empty when it does not say. */
  readonly peerAddress: string;
  /** What else it has to say of itself; empty when nothing. The machine passes it on and does not read it. */
  readonly note: string;
}

export interface MemberRecord extends MemberPlace {
  readonly state: MemberState;
  /** Raised by the member itself alone, to refute what others hold of it. */
  readonly incarnation: number;
}

/** A record on its way through the cluster. */
export interface Rumor extends MemberRecord {
  /** Who first held this of the member: a suspicion counts once for each. */
  readonly from: string;
}

export type SwimMessage =
  /** Is `target` there? For another that lives at its address by now it is not meant. */
  | { readonly kind: 'ping'; readonly seq: number; readonly from: string; readonly target: string }
  /** `from` is there: itself, or as one heard that was asked to look. */
  | { readonly kind: 'ack'; readonly seq: number; readonly from: string }
  /** One that was asked to look has heard nothing yet; which says that it is itself there. */
  | { readonly kind: 'nack'; readonly seq: number; readonly from: string }
  | {
      readonly kind: 'pingRequest';
      readonly seq: number;
      readonly from: string;
      readonly target: string;
      readonly targetAddress: string;
    }
  /** A part of what a member holds of the cluster; each part stands for itself. */
  | {
      readonly kind: 'sync';
      readonly from: string;
      readonly wantsAnswer: boolean;
      readonly records: readonly MemberRecord[];
    }
  | { readonly kind: 'rumor'; readonly rumor: Rumor };

export type SwimEvent =
  | { readonly kind: 'tick' }
  /** A datagram, as it came, from the address that the transport names. */
  | { readonly kind: 'received'; readonly from: string; readonly datagram: Uint8Array }
  /** The member goes, and says so. It ends in `departed`. */
  | { readonly kind: 'leave' }
  /** It serves elsewhere from now on, or has something else to say of itself. */
  | {
      readonly kind: 'placeChanged';
      readonly clientAddress: string;
      readonly peerAddress: string;
      readonly note: string;
    };

export type MemberChange = 'joined' | 'updated' | 'suspected' | 'trusted' | 'died' | 'left';

export type SwimEffect =
  /** May be lost, doubled and late on its way. Never longer than `datagramBytesMax`. */
  | { readonly kind: 'send'; readonly to: string; readonly datagram: Uint8Array }
  /** What this member holds of another has changed. A hint about the world: never a ground for consensus. */
  | { readonly kind: 'memberChanged'; readonly change: MemberChange; readonly member: MemberRecord }
  /** Another member has told this one what it holds of the cluster. Once. */
  | { readonly kind: 'clusterJoined'; readonly by: string }
  /** Two processes bear one name: the one at `address` is not believed. Once a name. */
  | { readonly kind: 'nameTaken'; readonly name: string; readonly address: string }
  /** Everybody was told, or there was no time left to: the process can end. The machine is idle from here on. */
  | { readonly kind: 'departed' };

/** How many of what came was of no use, since the start. */
export interface SwimCounts {
  /** Of another cluster. */
  foreign: number;
  /** No datagrams of ours: damaged, cut short, of another version. */
  damaged: number;
  /** Members that there was no room for. */
  crowded: number;
  /** Requests for the whole state that went unanswered since there were too many. */
  syncsRefused: number;
}
