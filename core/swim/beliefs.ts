import { assert } from '../base/assert.ts';
import { passSet, passText, type StateForm } from '../base/capture.ts';
import { incarnationMax, type OwnWords, type SwimConfig } from './config.ts';
import { type LocalHealth } from './local-health.ts';
import {
  isLive,
  type Member,
  MemberTable,
  passRecord,
  type Suspicion,
  suspicionEndsUs,
} from './member-table.ts';
import { type DatagramOutbox } from './datagram-outbox.ts';
import { retransmitLimit, suspicionMinUs } from './scaling.ts';
import {
  type MemberChange,
  type MemberPlace,
  type MemberRecord,
  memberStates,
  type Rumor,
  type SwimCounts,
} from './types.ts';

/** Names that two processes bear, of which it was told. */
const namesTakenMax = 64;

/**
 * What this member holds of itself and of the others. Of two records of a member the one with the higher incarnation counts, and of
 * equal ones that with the later state: so everybody who has heard the same holds the same, in whatever order it was heard.
 */
export class Beliefs {
  readonly table = new MemberTable();
  readonly #config: SwimConfig;
  readonly #outbox: DatagramOutbox;
  readonly #health: LocalHealth;
  readonly #counts: SwimCounts;
  readonly #namesTaken = new Set<string>();
  /** Says `left` once this member leaves; before, it is always alive. */
  #self: MemberRecord;

  constructor(parts: {
    readonly config: SwimConfig;
    readonly outbox: DatagramOutbox;
    readonly health: LocalHealth;
    readonly counts: SwimCounts;
  }) {
    this.#config = parts.config;
    this.#outbox = parts.outbox;
    this.#health = parts.health;
    this.#counts = parts.counts;
    this.#self = recordOf(parts.config.self);
    this.#sizeChanged();
  }

  get self(): MemberRecord {
    return this.#self;
  }

  /** This member included. */
  get size(): number {
    return this.table.live + 1;
  }

  /** When the next suspect has had its time, or the next of the dead is forgotten. */
  get deadlineUs(): number {
    const { table } = this;
    const gone = table.longestGone();
    let deadlineUs = gone === undefined ? Infinity : gone.sinceUs + this.#config.deadKeptUs;
    for (const { suspicion } of table.suspects()) {
      if (suspicion !== undefined) deadlineUs = Math.min(deadlineUs, suspicionEndsUs(suspicion));
    }
    return deadlineUs;
  }

  hear(rumor: Rumor, nowUs: number): void {
    if (rumor.name === this.#self.name) {
      this.#hearOfSelf(rumor);
      return;
    }
    const known = this.table.get(rumor.name);
    if (known === undefined) this.#meet(rumor, nowUs);
    else this.#hearOf(known, rumor, nowUs);
  }

  /**
   * A record of another's state: what that takes for dead is a suspect here, which has time to object, and whose death this
   * member may have missed. What had been heard as a rumor is still as it was.
   */
  hearRecord(record: MemberRecord, from: string, nowUs: number): void {
    this.hear({ ...record, state: record.state === 'dead' ? 'suspect' : record.state, from }, nowUs);
  }

  /** This member has waited for it in vain. */
  suspect(name: string, nowUs: number): void {
    const known = this.table.get(name);
    if (known === undefined || !isLive(known.record)) return;
    const { record } = known;
    this.hear({ ...record, state: 'suspect', from: this.#self.name }, nowUs);
  }

  /** Tells that this member is there, and where. */
  announce(): void {
    this.#outbox.broadcast({ ...this.#self, from: this.#self.name });
  }

  changePlace({ clientAddress, peerAddress, note }: OwnWords): void {
    this.#self = { ...this.#self, clientAddress, peerAddress, note };
    this.#raiseAbove(this.#self.incarnation);
  }

  leave(): void {
    this.#self = { ...this.#self, state: 'left' };
    this.announce();
  }

  /** Suspects whose time is over are dead; the dead whose time is over are forgotten. */
  expire(nowUs: number): void {
    for (const { record, suspicion } of this.table.suspects()) {
      if (suspicion === undefined || suspicionEndsUs(suspicion) > nowUs) continue;
      this.hear({ ...record, state: 'dead', from: this.#self.name }, nowUs);
    }
    this.#forgetGone(nowUs);
  }

  passState(form: StateForm): void {
    this.#self = form.object('self', this.#self, passRecord);
    form.part('table', this.table);
    passSet(form, 'namesTaken', this.#namesTaken, '', passText);
  }

  #meet(rumor: Rumor, nowUs: number): void {
    // Whoever remembers the dead would otherwise teach them to those who have just forgotten them, and so on forever.
    if (isLive(rumor)) this.#believe(undefined, rumor, nowUs);
  }

  #hearOf(known: Member, rumor: Rumor, nowUs: number): void {
    const { record, suspicion } = known;
    if (!overrides(rumor, record)) {
      const same = rumor.state === 'suspect' && rumor.incarnation === record.incarnation;
      if (same && suspicion !== undefined) this.#confirm(known, suspicion, rumor);
      return;
    }
    // First come, first served, until the first is gone: otherwise two processes of a name would outbid each other forever.
    if (isLive(record) && rumor.gossipAddress !== record.gossipAddress) this.#takenBy(rumor);
    else this.#believe(record, rumor, nowUs);
  }

  #believe(before: MemberRecord | undefined, rumor: Rumor, nowUs: number): void {
    const wasLive = before !== undefined && isLive(before);
    if (!wasLive && isLive(rumor) && this.table.live >= this.#config.membersMax) {
      this.#counts.crowded += 1;
      return;
    }
    const record: MemberRecord = { ...recordOf(rumor), state: rumor.state, incarnation: rumor.incarnation };
    const suspicion = rumor.state === 'suspect' ? this.#newSuspicion(rumor.from, nowUs) : undefined;
    this.table.put({ record, suspicion, sinceUs: nowUs });
    this.#outbox.broadcast(rumor);
    for (const change of changesBetween(before, record)) this.#changed(change, record);
    this.#forgetGone(nowUs);
  }

  #newSuspicion(by: string, nowUs: number): Suspicion {
    const { suspicionMult, suspicionMaxTimeoutMult, probeIntervalUs } = this.#config;
    const minUs = suspicionMinUs(suspicionMult, this.size, probeIntervalUs);
    const maxUs = minUs * suspicionMaxTimeoutMult;
    const wanted = Math.max(0, suspicionMult - 2);
    // With fewer others than that nobody could confirm it.
    return { startedUs: nowUs, minUs, maxUs, wanted: this.size - 2 < wanted ? 0 : wanted, by: [by] };
  }

  /** Another suspects it too, on its own. */
  #confirm(known: Member, suspicion: Suspicion, rumor: Rumor): void {
    const { by, wanted } = suspicion;
    if (by.includes(rumor.from) || by.length > wanted) return;
    this.table.put({ ...known, suspicion: { ...suspicion, by: [...by, rumor.from] } });
    // Whoever has not heard of this one has more patience than it should have.
    this.#outbox.broadcast({ ...known.record, from: rumor.from });
  }

  #hearOfSelf(rumor: Rumor): void {
    const { incarnation, state } = this.#self;
    // What it says itself when it goes overrides everything of this incarnation.
    if (state === 'left') return;
    if (rumor.state === 'alive') {
      if (rumor.gossipAddress !== this.#self.gossipAddress) {
        this.#takenBy(rumor);
        return;
      }
      // Something newer than what it is: said in an earlier life, which is over.
      const newer = rumor.incarnation > incarnation;
      const other = rumor.incarnation === incarnation && !samePlace(rumor, this.#self);
      if (newer || other) this.#raiseAbove(rumor.incarnation);
      return;
    }
    if (rumor.incarnation < incarnation) {
      // Whoever still says so has not heard what it has said to that, and may be the only one.
      if (!this.#outbox.broadcasts.has(rumor.name)) this.announce();
      return;
    }
    this.#raiseAbove(rumor.incarnation);
    // Others waited in vain: it may be this one that is slow.
    this.#health.worsen(1);
  }

  #forgetGone(nowUs: number): void {
    const { deadKeptUs, deadMax } = this.#config;
    for (;;) {
      const longest = this.table.longestGone();
      if (longest === undefined) return;
      if (this.table.gone <= deadMax && longest.sinceUs + deadKeptUs > nowUs) return;
      this.#outbox.broadcasts.forget(longest.record.name);
      this.table.forget(longest.record.name);
    }
  }

  #raiseAbove(incarnation: number): void {
    assert(incarnation >= this.#self.incarnation, 'an incarnation never falls');
    this.#self = { ...this.#self, incarnation: Math.min(incarnation + 1, incarnationMax) };
    this.announce();
  }

  #takenBy({ name, gossipAddress }: Rumor): void {
    if (this.#namesTaken.has(name) || this.#namesTaken.size >= namesTakenMax) return;
    this.#namesTaken.add(name);
    this.#outbox.push({ kind: 'nameTaken', name, address: gossipAddress });
  }

  #changed(change: MemberChange, member: MemberRecord): void {
    this.#sizeChanged();
    this.#outbox.push({ kind: 'memberChanged', change, member });
  }

  #sizeChanged(): void {
    this.#outbox.sentMax = retransmitLimit(this.#config.retransmitMult, this.size);
  }
}

/** What is told of a member that was one and is the other; undefined: nothing was known of it. */
function changesBetween(before: MemberRecord | undefined, after: MemberRecord): readonly MemberChange[] {
  const wasLive = before !== undefined && isLive(before);
  if (after.state === 'left') return before?.state === 'left' ? [] : ['left'];
  if (after.state === 'dead') return wasLive ? ['died'] : [];
  if (!wasLive) return after.state === 'suspect' ? ['joined', 'suspected'] : ['joined'];
  if (before.state !== after.state) return [after.state === 'suspect' ? 'suspected' : 'trusted'];
  return samePlace(before, after) ? [] : ['updated'];
}

/** Whether the rumor says more than what is known. */
function overrides(rumor: Rumor, known: MemberRecord): boolean {
  if (rumor.incarnation !== known.incarnation) return rumor.incarnation > known.incarnation;
  return memberStates.indexOf(rumor.state) > memberStates.indexOf(known.state);
}

function samePlace(left: MemberPlace, right: MemberPlace): boolean {
  return (
    left.gossipAddress === right.gossipAddress &&
    left.clientAddress === right.clientAddress &&
    left.peerAddress === right.peerAddress &&
    left.note === right.note
  );
}

function recordOf({ name, gossipAddress, clientAddress, peerAddress, note }: MemberPlace): MemberRecord {
  return { name, state: 'alive', incarnation: 0, gossipAddress, clientAddress, peerAddress, note };
}
