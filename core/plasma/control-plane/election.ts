import { unreachable } from '../../base/assert.ts';
import { between, type Prng } from '../../base/prng.ts';
import { type Desk } from './desk.ts';
import { asciiJson, parseJson, ShapeError } from './json-shape.ts';
import { type KvLease, type KvOutcome, type KvRow } from './protocol.ts';
import { leaderShape } from './row-codec.ts';
import { leaderKey } from './rows.ts';
import { type ControlPlaneSettings, retryPauseUs } from './settings.ts';

type State =
  | { readonly kind: 'waiting'; readonly untilUs: number }
  | { readonly kind: 'looking'; readonly kvId: number }
  | { readonly kind: 'granting'; readonly kvId: number; readonly sentUs: number }
  /** `asking`: whether the put of the key was done was not heard. */
  | {
      readonly kind: 'campaigning' | 'asking';
      readonly kvId: number;
      readonly lease: KvLease;
      readonly candidacy: string;
    }
  | { readonly kind: 'leading'; readonly lease: KvLease; readonly term: number }
  /** The key is being taken away. */
  | { readonly kind: 'handing over'; readonly kvId: number; readonly lease: KvLease }
  /** It has left: it is a candidate no more. */
  | { readonly kind: 'out' };

/** Undefined: nothing that anybody else must know of. */
export type ElectionNews =
  | { readonly kind: 'won'; readonly term: number }
  | { readonly kind: 'lost'; readonly reason: string }
  | undefined;

/**
 * Who leads: whoever has put the leader's key while it was not there, for as long as its lease keeps it there. The revision at
 * which the key was created is the term: it is another one for each leader, and later ones have higher ones. Every commit
 * compares it, so that whoever has lost the key can change nothing, whether it knows of that or not.
 */
export class Election {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #prng: Prng;
  readonly #key: string;
  #state: State;
  #leader: number | undefined;
  #leaving = false;

  constructor(settings: ControlPlaneSettings, desk: Desk, prng: Prng) {
    this.#settings = settings;
    this.#desk = desk;
    this.#prng = prng;
    this.#key = settings.prefix + leaderKey;
    // Servers that start together do not all look at the same moment.
    this.#state = { kind: 'waiting', untilUs: desk.nowUs + between(prng, 0, retryPauseUs) };
  }

  /** Position of whoever leads, as was seen last. */
  get leader(): number | undefined {
    return this.#leader;
  }

  get isCampaigning(): boolean {
    return this.#state.kind === 'campaigning' || this.#state.kind === 'asking';
  }

  get isOut(): boolean {
    return this.#state.kind === 'out';
  }

  get deadlineUs(): number {
    return this.#state.kind === 'waiting' ? this.#state.untilUs : Infinity;
  }

  onTick(): void {
    if (this.#state.kind === 'waiting' && this.#desk.nowUs >= this.#state.untilUs) {
      this.#state = { kind: 'looking', kvId: this.#look() };
    }
  }

  onAnswered(kvId: number, outcome: KvOutcome): ElectionNews {
    const state = this.#state;
    if (!('kvId' in state) || state.kvId !== kvId) return undefined;
    switch (state.kind) {
      case 'looking':
        this.#onLooked(outcome);
        return undefined;
      case 'granting':
        this.#onGranted(outcome, state.sentUs);
        return undefined;
      case 'campaigning':
        return this.#onCampaigned(outcome, state.lease, state.candidacy);
      case 'asking':
        return this.#onAsked(outcome, state.lease, state.candidacy);
      case 'handing over':
        // Whatever was heard: the lease is kept no longer.
        this.resign();
        return undefined;
      default:
        return unreachable(state);
    }
  }

  onLeaseLost(lease: KvLease, reason: string): ElectionNews {
    const state = this.#state;
    if (!('lease' in state) || state.lease !== lease) return undefined;
    this.#leader = undefined;
    this.#wait(retryPauseUs);
    return state.kind === 'leading' ? { kind: 'lost', reason } : undefined;
  }

  /** Gives the key back, or has been seen to have lost it. It will be a candidate again, after a while. */
  resign(): void {
    if ('lease' in this.#state) {
      this.#desk.tell({ kind: 'kvLeaseRevoke', lease: this.#state.lease });
    }
    this.#leader = undefined;
    this.#wait(this.#settings.electionPollUs);
  }

  /**
   * It will be a candidate no more. What is under way comes to its end first; where it leads, it does so until `handOver`. A lease
   * that is being granted holds nothing, and runs out.
   */
  leave(): void {
    this.#leaving = true;
    if (!('lease' in this.#state)) this.#state = { kind: 'out' };
  }

  /**
   * Takes the leader's key away, so that the next one leads at once and not when the lease has run out. To be called by one that
   * leads, when none of its commits is under way.
   */
  handOver(): void {
    if (this.#state.kind !== 'leading') return;
    const { lease, term } = this.#state;
    const kvId = this.#desk.ask({
      kind: 'kvTxn',
      compares: [{ kind: 'createRevision', key: this.#key, equals: term }],
      changes: [{ kind: 'delete', key: this.#key }],
      otherwiseRead: [],
      timeoutUs: this.#settings.kvTimeoutUs,
    });
    this.#leader = undefined;
    this.#state = { kind: 'handing over', kvId, lease };
  }

  #look(): number {
    const { kvTimeoutUs: timeoutUs } = this.#settings;
    const key = this.#key;
    return this.#desk.ask({ kind: 'kvRange', key, end: undefined, revision: 0, limit: 1, timeoutUs });
  }

  #onLooked(outcome: KvOutcome): void {
    if (outcome.kind !== 'range') {
      this.#leader = undefined;
      this.#wait(this.#settings.electionPollUs);
      return;
    }
    const [row] = outcome.rows;
    if (row !== undefined) {
      this.#leader = leaderOf(row)?.server;
      this.#wait(this.#settings.electionPollUs);
      return;
    }
    this.#leader = undefined;
    const { leaderTtlSeconds: ttlSeconds, kvTimeoutUs: timeoutUs } = this.#settings;
    const kvId = this.#desk.ask({ kind: 'kvLeaseGrant', ttlSeconds, timeoutUs });
    this.#state = { kind: 'granting', kvId, sentUs: this.#desk.nowUs };
  }

  #onGranted(outcome: KvOutcome, sentUs: number): void {
    if (outcome.kind !== 'leaseGranted') {
      this.#wait(this.#settings.electionPollUs);
      return;
    }
    const { lease, ttlSeconds } = outcome;
    this.#desk.tell({ kind: 'kvLeaseKeep', lease, ttlSeconds, sentUs });
    const candidacy = `${this.#settings.server}-${this.#prng.below(2 ** 32)}-${this.#prng.below(2 ** 32)}`;
    const kvId = this.#desk.ask({
      kind: 'kvTxn',
      compares: [{ kind: 'absent', key: this.#key }],
      changes: [
        {
          kind: 'put',
          key: this.#key,
          value: asciiJson({ server: this.#settings.server, candidacy }),
          lease,
        },
      ],
      otherwiseRead: [this.#key],
      timeoutUs: this.#settings.kvTimeoutUs,
    });
    this.#state = { kind: 'campaigning', kvId, lease, candidacy };
  }

  #onCampaigned(outcome: KvOutcome, lease: KvLease, candidacy: string): ElectionNews {
    if (outcome.kind === 'unknown') {
      this.#state = { kind: 'asking', kvId: this.#look(), lease, candidacy };
      return undefined;
    }
    if (outcome.kind === 'txn' && outcome.succeeded) return this.#win(lease, outcome.revision);
    this.resign();
    if (outcome.kind === 'txn' && outcome.rows[0] !== undefined) {
      this.#leader = leaderOf(outcome.rows[0])?.server;
    }
    return undefined;
  }

  /** A put that is still under way does no harm: it comes with a lease that is ended now. */
  #onAsked(outcome: KvOutcome, lease: KvLease, candidacy: string): ElectionNews {
    const row = outcome.kind === 'range' ? outcome.rows[0] : undefined;
    if (row !== undefined && leaderOf(row)?.candidacy === candidacy) {
      return this.#win(lease, row.createRevision);
    }
    this.resign();
    return undefined;
  }

  #win(lease: KvLease, term: number): ElectionNews {
    this.#state = { kind: 'leading', lease, term };
    this.#leader = this.#settings.server;
    return { kind: 'won', term };
  }

  #wait(aboutUs: number): void {
    if (this.#leaving) {
      this.#state = { kind: 'out' };
      return;
    }
    const untilUs = this.#desk.nowUs + between(this.#prng, Math.ceil(aboutUs / 2), aboutUs);
    this.#state = { kind: 'waiting', untilUs };
  }
}

/** Undefined: somebody else has put something there; it is a leader nobody can be pointed to. */
function leaderOf(row: KvRow): { readonly server: number; readonly candidacy: string } | undefined {
  try {
    return parseJson(leaderShape, row.value, leaderKey);
  } catch (error) {
    if (error instanceof ShapeError) return undefined;
    throw error;
  }
}
