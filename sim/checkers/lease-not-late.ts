import { type NodeId } from '../../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { alarmTypes } from '../../core/chainfire/api/cluster.ts';
import { type ChainfireMember, type MemberView } from '../../core/chainfire/member.ts';
import { type Checker, type StepObservation, Violation } from '../types.ts';

/** How often a member's leases are looked at: what is seen later than it was counts for the member. */
const lookUs = 200 * usPerMs;
/** What two clocks may make of a time to live between them, with what members allow for: more than any plan sets. */
const stretchNumerator = 3;
const stretchDenominator = 2;
/**
 * Times that everything in the leader's log must have been applied while the lease is overdue: one for what was under way
 * when it became so, one for an end of other leases that had to come first, one for its own, and one to spare.
 */
const roundsMax = 4;

interface SeenLease {
  readonly renewedIndex: number;
  /** When this member was first seen to count from that renewal, by the world's clock. */
  readonly sinceUs: number;
}

interface Overdue {
  /** End of the leader's log when it was last looked at; once all of it is applied, a round is over. */
  lastIndex: number;
  rounds: number;
}

interface Seen {
  lookedUs: number;
  /** The leader's term, when this member leads; 0 otherwise. */
  ledTerm: number;
  leases: Map<bigint, SeenLease>;
  readonly overdue: Map<bigint, Overdue>;
}

/**
 * A lease that nobody renews is ended by whoever leads: once its time to live has passed since this leader applied the last
 * renewal, stretched by half for clocks, it does not outlast four rounds of the leader's log. Elections do not renew it: the
 * time that counts is the one at which this very member applied the renewal, started, or installed a snapshot.
 *
 * Not verified: the time in which the alarm CORRUPT stands, and nothing ends; clusters without a leader that makes progress (the liveness phase waits for the end of every lease); how
 * long a round takes.
 */
export class LeaseNotLate implements Checker {
  readonly name = 'lease-not-late';
  readonly #seen = new Map<NodeId, Seen>();

  onStep({ node, event, member, nowUs }: StepObservation): void {
    const { view } = member;
    const seen = this.#of(node);
    if (event.kind === 'snapshotReceived') seen.leases.clear();
    if (nowUs - seen.lookedUs < lookUs) return;
    seen.lookedUs = nowUs;
    const { role, term } = view.raft;
    const ledTerm = role === 'leader' && view.appliedTerm === term ? term : 0;
    if (ledTerm !== seen.ledTerm) seen.overdue.clear();
    seen.ledTerm = ledTerm;
    if (view.leaseCount === 0) {
      seen.leases.clear();
      seen.overdue.clear();
      return;
    }
    // While members are known to differ, no lease ends: its rounds begin when the alarm is disarmed.
    if (view.alarms().some(({ alarm }) => alarm === alarmTypes.corrupt)) seen.overdue.clear();
    else this.#look(node, seen, view, nowUs);
  }

  onRecovered(node: NodeId, _member: ChainfireMember): void {
    this.#seen.delete(node);
  }

  #look(node: NodeId, seen: Seen, view: MemberView, nowUs: number): void {
    const leases = new Map<bigint, SeenLease>();
    for (const { id, ttlSeconds, renewedIndex } of view.leases()) {
      const before = seen.leases.get(id);
      const lease = before?.renewedIndex === renewedIndex ? before : { renewedIndex, sinceUs: nowUs };
      leases.set(id, lease);
      const lastsUs = Math.ceil((ttlSeconds * usPerSecond * stretchNumerator) / stretchDenominator);
      if (seen.ledTerm === 0 || nowUs - lease.sinceUs <= lastsUs) {
        seen.overdue.delete(id);
      } else if (this.#hasHadItsTime(seen, view, id)) {
        throw new Violation(
          this.name,
          `lease ${id.toString(16)} of ${ttlSeconds} s was last renewed by entry ${renewedIndex}, which member ${node} had ` +
            `applied ${nowUs - lease.sinceUs} µs before; it leads term ${seen.ledTerm}, has applied its log ` +
            `${roundsMax} times since, and the lease is still there`,
        );
      }
    }
    for (const id of seen.overdue.keys()) if (!leases.has(id)) seen.overdue.delete(id);
    seen.leases = leases;
  }

  #hasHadItsTime(seen: Seen, view: MemberView, id: bigint): boolean {
    const { lastIndex } = view.raft;
    const overdue = seen.overdue.get(id);
    if (overdue === undefined) {
      seen.overdue.set(id, { lastIndex, rounds: 0 });
      return false;
    }
    // A log in which nothing moves shows nothing: nobody else may be there to agree to anything.
    if (view.appliedIndex < overdue.lastIndex || lastIndex === overdue.lastIndex) return false;
    overdue.lastIndex = lastIndex;
    overdue.rounds += 1;
    return overdue.rounds > roundsMax;
  }

  #of(node: NodeId): Seen {
    let seen = this.#seen.get(node);
    if (seen === undefined) {
      seen = { lookedUs: -Infinity, ledTerm: 0, leases: new Map(), overdue: new Map() };
      this.#seen.set(node, seen);
    }
    return seen;
  }
}
