import { type NodeId } from '../../base/ids.ts';
import { type RaftView } from '../../raft/types.ts';
import { type BrokerState } from './rows.ts';
import { type MetadataState } from './state.ts';

/**
 * Whether a broker that is to stop may do so: it is fenced, which the controller does when others lead all that it led, or it
 * goes on leading what no other broker could lead, now or soon. Whoever waits for it has a time-out of his own.
 */
export function mayLeave(state: MetadataState, own: BrokerState): boolean {
  if (own.fenced) return true;
  if (!own.inControlledShutdown || state.load(own.id).leaders === 0) return false;
  for (const { partitions } of state.topics()) {
    for (const { leader, replicas } of partitions) {
      if (leader === own.id && replicas.some((id) => state.isActive(id))) return false;
    }
  }
  return true;
}

/** Who is to be the controller when this one leaves: whoever has most of the log, of those that serve. */
export function successorOf(raft: RaftView, state: MetadataState): NodeId | undefined {
  let successor: NodeId | undefined;
  let matchMax = -1;
  for (const id of raft.configuration.voters) {
    const peer = raft.peer(id);
    const isAble = peer !== undefined && peer.active && peer.replicating && state.isActive(id);
    if (!isAble || peer.matchIndex <= matchMax) continue;
    successor = id;
    matchMax = peer.matchIndex;
  }
  return successor;
}
