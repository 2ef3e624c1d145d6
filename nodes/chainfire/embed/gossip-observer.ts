import { type GossipEvent } from '../gossip-events.ts';
import { type EventDispatcher } from './event-dispatcher.ts';

/** Makes an event of what gossip tells. That somebody is to be found elsewhere is none: the members' addresses are in the log. */
export function tellGossip({ kind, member }: GossipEvent, events: EventDispatcher): void {
  const { name, clientAddress, peerAddress } = member;
  const node = { name, clientAddress, peerAddress };
  switch (kind) {
    case 'joined':
      events.emit('nodeJoined', { node });
      break;
    case 'suspected':
      events.emit('nodeSuspected', { node });
      break;
    case 'trusted':
      events.emit('nodeTrusted', { node });
      break;
    case 'died':
    case 'left':
      events.emit('nodeLeft', { node, reason: kind });
      break;
    case 'updated':
      break;
  }
}
