import { type Address, formatAddress } from '../../../adapters/config/address.ts';
import { type MemberView } from '../../../core/chainfire/view.ts';
import { type MemberPorts } from '../member-listeners.ts';
import { type ClusterMember, clusterMember, type NamedMember } from './member-events.ts';

/** `created` until `start`, `starting` until it listens and is recovered; the last two are ends. */
export type MemberState = 'created' | 'starting' | 'running' | 'stopping' | 'stopped' | 'failed';

/** What a member is and knows at this moment. */
export interface MemberStatus {
  readonly name: string;
  readonly state: MemberState;
  /** `host:port`; undefined: it does not listen for them. */
  readonly addresses: {
    readonly clients: string | undefined;
    readonly peers: string | undefined;
    readonly metrics: string | undefined;
  };
  /** Undefined until it is recovered. */
  readonly cluster: ClusterStatus | undefined;
}

export interface ClusterStatus {
  /** 16 hex digits. */
  readonly clusterId: string;
  readonly id: number;
  readonly role: 'leader' | 'follower' | 'learner';
  /** Undefined: none is known. */
  readonly leader: NamedMember | undefined;
  readonly term: number;
  readonly members: readonly ClusterMember[];
  /** Of the store, as this member has applied it. */
  readonly revision: number;
  readonly compactRevision: number;
  readonly appliedIndex: number;
  readonly commitIndex: number;
  /** Bytes of all rows, history included, and of those of the present. */
  readonly storedBytes: number;
  readonly liveBytes: number;
}

export function statusOf(parts: {
  readonly name: string;
  readonly state: MemberState;
  readonly ports: MemberPorts | undefined;
  readonly view: MemberView | undefined;
  readonly clusterId: string | undefined;
}): MemberStatus {
  const { name, state, ports, view, clusterId } = parts;
  const addresses = {
    clients: format(ports?.clients),
    peers: format(ports?.peers),
    metrics: format(ports?.metrics),
  };
  const cluster = view && clusterId !== undefined ? clusterStatus(view, clusterId) : undefined;
  return { name, state, addresses, cluster };
}

function clusterStatus(view: MemberView, clusterId: string): ClusterStatus {
  const { raft, revision, compactRevision, appliedIndex, storedBytes, liveBytes } = view;
  const members = view.members.map(clusterMember);
  const leader = raft.leader === 0 ? undefined : { id: raft.leader, name: nameIn(members, raft.leader) };
  return {
    ...{ clusterId, id: raft.id, leader, term: raft.term, members },
    role: raft.role === 'leader' ? 'leader' : view.isLearner ? 'learner' : 'follower',
    ...{ revision, compactRevision, appliedIndex, commitIndex: raft.commitIndex, storedBytes, liveBytes },
  };
}

function nameIn(members: readonly ClusterMember[], id: number): string {
  return members.find((member) => member.id === id)?.name ?? '';
}

function format(address: Address | undefined): string | undefined {
  return address && formatAddress(address);
}
