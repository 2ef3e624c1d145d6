import { compareKeys } from '../../base/bytes.ts';
import { type NodeEpoch, type NodeName, type Revision } from '../types.ts';
import { type Desk } from './desk.ts';
import { type Memory } from './memory.ts';
import { type ControlPlaneSettings, nodeLostAfterUs } from './settings.ts';

interface Session {
  readonly epoch: NodeEpoch;
  /** When its lease was granted last; the agent counts it from earlier. */
  readonly grantedUs: number;
  /** In this term: until then nothing is placed there. */
  readonly heard: boolean;
  readonly appliedRevision: Revision;
}

/**
 * The leases of nodes, by this server's monotonic clock. A new leader counts all of them as granted when it took over: what its
 * predecessor has granted, it had confirmed before that.
 */
export class NodeSessions {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #memory: Memory;
  /** In the order of their last grants, so that whoever looks for what is due looks at nothing else. */
  readonly #sessions = new Map<NodeName, Session>();
  /** Nothing is due before; at times too early, never too late. */
  #wakeUs = Infinity;

  constructor(settings: ControlPlaneSettings, desk: Desk, memory: Memory) {
    this.#settings = settings;
    this.#desk = desk;
    this.#memory = memory;
    for (const { name, epoch, lost } of memory.working.nodes.values()) {
      if (lost !== undefined) continue;
      this.#set(name, { epoch, grantedUs: desk.nowUs, heard: false, appliedRevision: 0 });
    }
  }

  get deadlineUs(): number {
    return this.#wakeUs;
  }

  get silent(): number {
    let silent = 0;
    for (const name of this.#sessions.keys()) if (this.isSilent(name)) silent += 1;
    return silent;
  }

  appliedRevisionOf(node: NodeName): Revision {
    return this.#sessions.get(node)?.appliedRevision ?? 0;
  }

  /** Its lease may have run out. */
  isSilent(node: NodeName): boolean {
    const session = this.#sessions.get(node);
    return session === undefined || this.#desk.nowUs >= session.grantedUs + this.#settings.nodeLeaseTtlUs;
  }

  /** Nothing that must stop runs there any more, surely. */
  isOverdue(node: NodeName): boolean {
    const session = this.#sessions.get(node);
    return session !== undefined && this.#desk.nowUs >= session.grantedUs + nodeLostAfterUs(this.#settings);
  }

  /** @returns false where the epoch is not the node's any more */
  grant(node: NodeName, epoch: NodeEpoch, appliedRevision: Revision): boolean {
    const row = this.#memory.working.nodes.get(node);
    if (row?.epoch !== epoch || row.lost !== undefined) return false;
    this.#set(node, { epoch, grantedUs: this.#desk.nowUs, heard: true, appliedRevision });
    this.tellRoom(node);
    return true;
  }

  end(node: NodeName): void {
    this.#sessions.delete(node);
    this.#memory.setUp(node, false);
  }

  /** Something may be placed where a lease is held, of an epoch whose inventory is known. */
  tellRoom(node: NodeName): void {
    const row = this.#memory.working.nodes.get(node);
    const session = this.#sessions.get(node);
    const up =
      row !== undefined &&
      row.lost === undefined &&
      row.inventoriedEpoch === row.epoch &&
      session?.epoch === row.epoch &&
      session.heard &&
      !this.isSilent(node);
    this.#memory.setUp(node, up);
  }

  /** @returns those whose lease has ended so long ago that nothing which must stop runs there any more, by name */
  overdue(): readonly NodeName[] {
    const { nowUs } = this.#desk;
    if (nowUs < this.#wakeUs) return [];
    this.#wakeUs = Infinity;
    const overdue: NodeName[] = [];
    for (const [node, { grantedUs }] of this.#sessions) {
      const silentUs = grantedUs + this.#settings.nodeLeaseTtlUs;
      const lostUs = grantedUs + nodeLostAfterUs(this.#settings);
      if (nowUs < lostUs) this.#wakeUs = Math.min(this.#wakeUs, nowUs < silentUs ? silentUs : lostUs);
      // Those behind it were granted later.
      if (nowUs < silentUs) break;
      this.tellRoom(node);
      if (nowUs >= lostUs) overdue.push(node);
    }
    return overdue.toSorted(compareKeys);
  }

  #set(node: NodeName, session: Session): void {
    this.#sessions.delete(node);
    this.#sessions.set(node, session);
    this.#wakeUs = Math.min(this.#wakeUs, session.grantedUs + this.#settings.nodeLeaseTtlUs);
  }
}
