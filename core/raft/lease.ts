import { assert } from '../base/assert.ts';
import { type GroupState } from './group-state.ts';
import { type Progress } from './progress.ts';
import { isQuorum } from './quorum.ts';

/**
 * Reads on a leader's lease (dissertation §6.4.1), an option: a leader answers reads at once, with no round of heartbeats,
 * for as long as it knows that nobody else can have been elected. What it knows rests on clocks that run at about the same
 * speed; they need not agree on the time.
 *
 * **Promise.** A member that answers a heartbeat says for how long, from then on and by its own clock, it will vote for
 * nobody: its election time-out. It keeps that promise whatever it hears meanwhile, a later term included, so the rule stands
 * apart from leader stickiness, which a term's end lifts. One that has started anew does not know what it has promised: it
 * votes for nobody until a whole election time-out has passed. A member's vote for itself needs no rule: its election
 * timer was set by the same heartbeat and is never shorter.
 *
 * **Lease.** The promise was made after the heartbeat was *sent*, so the leader counts from there; the answer repeats when
 * that was, by the leader's clock. With clocks that gain or lose at most `clockDriftPpmMax` (p) against true time, a promise of
 * P lasts at least P ÷ (1 + p), and what the leader measures as D lasts at most D ÷ (1 − p): it counts on
 * D = P × (1 − p) ÷ (1 + p), less what reading a clock in whole microseconds costs. It may read while a quorum of its present
 * configuration, itself included where it is a voter, is under such a promise: in a joint one both majorities.
 *
 * **Why nobody else can have been elected.** Claim: when a leader of term t has its votes, no leader of an earlier
 * term has a lease, nor will have one. Let L lead an earlier term, by a quorum that shares a member V with the voters of t (it
 * does, or a leader between the two has put an end to L's lease: the configurations of one and the next always share one).
 * V's vote was not given before its answer to L: the vote is durable before it counts, and in term t nobody answers L. So it
 * was given after, hence no earlier than the end of the promise, by which time L's lease was over; and L never again
 * hears from V. The exception is a handed-over leadership, for which votes are given at once (§3.10): there the leader of
 * term t − 1 has asked for it, and it has given up its lease for the rest of its term before it did, since that request may
 * arrive at any later time; earlier ones had none left when it was elected itself.
 *
 * **What else a read needs.** The leader has committed in its term: before, it does not know what its predecessors
 * have (§6.4). And `nowUs` was read after the request had arrived: a runner that reads the clock, sleeps, and then takes
 * requests would let a leader read the past.
 *
 * **What it does not survive.** A clock outside the bound; a monotonic clock that stands still while others' run, as that
 * of a virtual machine that is suspended, copied or migrated; and an election time-out that was made shorter at a restart,
 * since the promise given before was longer. Members without the option promise nothing, so that mixing them costs
 * leases, never truth.
 */
export function mayReadOnLease(state: GroupState): boolean {
  if (state.options.leaseReads === undefined || state.leaseForfeited || !state.committedInTerm) return false;
  return isQuorum(
    state.configuration,
    (id) => id === state.id || (state.progress.get(id)?.leaseUntilUs ?? -Infinity) > state.nowUs,
  );
}

/** Whether this member is under a promise to vote for nobody, or may be: it has only just started. */
export function hasPromisedPatience(state: GroupState): boolean {
  if (state.options.leaseReads === undefined) return false;
  return state.nowUs - state.leaderHeardUs < state.options.electionTimeoutUs;
}

/** What an answer to a heartbeat promises, in µs of the sender's own clock. */
export function promiseUs(state: GroupState): number {
  return state.options.leaseReads === undefined ? 0 : state.options.electionTimeoutUs;
}

/** A member has answered the heartbeat that was sent at `sentUs`. */
export function promised(
  state: GroupState,
  progress: Progress,
  promise: { readonly sentUs: number; readonly promisedUs: number },
): void {
  const { leaseReads } = state.options;
  if (leaseReads === undefined || promise.promisedUs === 0 || promise.sentUs === 0) return;
  if (promise.sentUs > state.nowUs) return; // Nobody answers what was not sent yet.
  const untilUs = promise.sentUs + countableUs(promise.promisedUs, leaseReads.clockDriftPpmMax);
  // Answers may overtake each other; an older one takes nothing back.
  progress.leaseUntilUs = Math.max(progress.leaseUntilUs, untilUs);
}

/** How much of a promise a leader may count on, by its own clock. */
export function countableUs(promisedUs: number, clockDriftPpmMax: number): number {
  const million = 1_000_000;
  assert(
    Number.isSafeInteger(clockDriftPpmMax) && clockDriftPpmMax >= 0 && clockDriftPpmMax < million,
    'the bound on drift is in millionths',
  );
  // Either clock shows up to 1 µs less than the time.
  const wholeUs = promisedUs - 1;
  return Math.floor((wholeUs * (million - clockDriftPpmMax)) / (million + clockDriftPpmMax)) - 1;
}
