import { noBytes } from '../../base/bytes.ts';

/** A way of sharing out partitions that a member can do, and what it has to say for it: its subscription, mostly. */
export interface MemberProtocol {
  readonly name: string;
  readonly metadata: Uint8Array;
}

/** What a member says of itself when it joins. */
export interface MemberTraits {
  /** Static membership: the member comes back under this name after a restart (KIP-345). */
  readonly instanceId: string | undefined;
  readonly clientId: string;
  readonly clientHost: string;
  readonly sessionTimeoutMs: number;
  /** How long others wait for it to join again when the group rebalances (KIP-62). */
  readonly rebalanceTimeoutMs: number;
  /** In the order of the member's preference. */
  readonly protocols: readonly MemberProtocol[];
}

/** A member of a group. Changed by `Group` alone, but for its requests and its session. */
export interface Member {
  readonly id: string;
  traits: MemberTraits;
  /** What the leader gave it in the present generation; empty until then. */
  assignment: Uint8Array;
  /** Its JoinGroup that waits for the others. */
  joinRequestId: number | undefined;
  /** Its SyncGroup that waits for the leader's. */
  syncRequestId: number | undefined;
  /** It has joined and never yet been answered: it cannot send heartbeats, so its session has another length. */
  isNew: boolean;
  /** It was told of the present generation and has not asked for its assignment. */
  owesSync: boolean;
  /** When it is given up, unless it is heard of. `Infinity` while it waits for an answer. */
  sessionDeadlineUs: number;
}

export function newMember(id: string, traits: MemberTraits): Member {
  return {
    id,
    traits,
    assignment: noBytes,
    joinRequestId: undefined,
    syncRequestId: undefined,
    isNew: true,
    owesSync: false,
    sessionDeadlineUs: Infinity,
  };
}

/** The member's metadata for a protocol; empty for one that it does not know. */
export function metadataFor(member: Member, protocol: string | undefined): Uint8Array {
  return member.traits.protocols.find(({ name }) => name === protocol)?.metadata ?? noBytes;
}

/** Whether it says the same as before: then it need not make the others join again. */
export function sameProtocols(left: readonly MemberProtocol[], right: readonly MemberProtocol[]): boolean {
  return (
    left.length === right.length &&
    left.every(({ name, metadata }, at) => {
      const other = right[at];
      return (
        other !== undefined &&
        other.name === name &&
        other.metadata.length === metadata.length &&
        metadata.every((byte, position) => byte === other.metadata[position])
      );
    })
  );
}
