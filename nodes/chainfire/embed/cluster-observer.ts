import { type Member } from '../../../core/chainfire/api/cluster.ts';
import { type NodeId } from '../../../core/base/ids.ts';
import { type EventDispatcher } from './event-dispatcher.ts';
import { type ClusterMember, clusterMember, type NamedMember } from './member-events.ts';

/** Makes events of what a member sees of its cluster. */
export class ClusterObserver {
  readonly #own: NodeId;
  readonly #events: EventDispatcher;
  #leader: NamedMember | undefined;
  #term = 0;
  #leads = false;
  #wasReady = false;
  /** Undefined until this member is one of them: whoever joins reads of the members before its time. */
  #members: ReadonlyMap<number, ClusterMember> | undefined;

  constructor(own: NodeId, members: readonly Member[], events: EventDispatcher) {
    this.#own = own;
    this.#events = events;
    this.membersChanged(members);
  }

  get wasReady(): boolean {
    return this.#wasReady;
  }

  /** @param leader 0: none is known */
  leaderChanged(leader: NodeId | 0, term: number, members: readonly Member[]): void {
    this.#loseLeadership();
    const previous = this.#leader;
    this.#leader = leader === 0 ? undefined : { id: leader, name: nameOf(leader, members) };
    this.#term = term;
    this.#events.emit('leaderChanged', { leader: this.#leader, previous, term });
    if (leader === this.#own) {
      this.#leads = true;
      this.#events.emit('becameLeader', { term });
    }
    if (this.#leader === undefined || this.#wasReady) return;
    this.#wasReady = true;
    this.#events.emit('clusterReady', { leader: this.#leader, term });
  }

  membersChanged(listed: readonly Member[]): void {
    const before = this.#members;
    if (before === undefined && !listed.some(({ id }) => id === BigInt(this.#own))) return;
    const members = listed.map(clusterMember);
    this.#members = new Map(members.map((member) => [member.id, member]));
    if (before === undefined) return;
    const changes = {
      added: members.filter(({ id }) => !before.has(id)),
      removed: [...before.values()].filter(({ id }) => this.#members?.has(id) !== true),
      promoted: members.filter((now) => changed(before, now, (was) => was.isLearner && !now.isLearner)),
      started: members.filter((now) => changed(before, now, (was) => hasStarted(now) && !hasStarted(was))),
      updated: members.filter((now) => changed(before, now, (was) => hasMoved(was, now))),
    };
    if (Object.values(changes).every((list) => list.length === 0)) return;
    this.#events.emit('membershipChanged', { members, ...changes });
  }

  /** Nothing of the member happens any more. */
  ended(): void {
    this.#loseLeadership();
    if (this.#leader === undefined) return;
    const previous = this.#leader;
    this.#leader = undefined;
    this.#events.emit('leaderChanged', { leader: undefined, previous, term: this.#term });
  }

  #loseLeadership(): void {
    if (!this.#leads) return;
    this.#leads = false;
    this.#events.emit('lostLeadership', { term: this.#term });
  }
}

function nameOf(id: NodeId, members: readonly Member[]): string {
  return members.find((member) => member.id === BigInt(id))?.name ?? '';
}

function changed(
  before: ReadonlyMap<number, ClusterMember>,
  now: ClusterMember,
  differs: (was: ClusterMember) => boolean,
): boolean {
  const was = before.get(now.id);
  return was !== undefined && differs(was);
}

function hasStarted({ clientUrls }: ClusterMember): boolean {
  return clientUrls.length > 0;
}

function hasMoved(was: ClusterMember, now: ClusterMember): boolean {
  if (String(was.peerUrls) !== String(now.peerUrls)) return true;
  return hasStarted(was) && (String(was.clientUrls) !== String(now.clientUrls) || was.name !== now.name);
}
