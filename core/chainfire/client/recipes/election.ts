import { assert, unreachable } from '../../../base/assert.ts';
import { type Machine } from '../../../base/machine.ts';
import { type KeyValue, type RangeResponse, type ResponseHeader } from '../../api/kv.ts';
import { type Event, eventTypes, watchFilters } from '../../api/watch.ts';
import { type MemberRequest } from '../../member-protocol.ts';
import { prefixEnd } from '../key-prefix.ts';
import { type ClientOutcome, type WatchBatch, type WatchEnd, type WatchTarget } from '../protocol.ts';
import { type ObserveEffect, type QueueEffect, type RecipeEvent } from './protocol.ts';
import {
  type HeldKey,
  leaveRequest,
  oldestRequest,
  queuePrefix,
  QueueRecipe,
  reviseRequest,
} from './queue.ts';

/**
 * Stands for election until it leads: `acquired`. Its key carries what it proclaims. Who leads is decided as with a lock;
 * etcd's `elect` and this one stand in the same election.
 */
export class CampaignRecipe implements Machine<RecipeEvent, QueueEffect> {
  readonly #queue: QueueRecipe;

  /** @param options.name bytes as a latin1 string */
  constructor(options: { readonly name: string; readonly leaseId: bigint; readonly value: Uint8Array }) {
    this.#queue = new QueueRecipe(options);
  }

  get deadlineUs(): number {
    return this.#queue.deadlineUs;
  }

  step(event: RecipeEvent, nowUs: number): readonly QueueEffect[] {
    return this.#queue.step(event, nowUs);
  }
}

/** Says something else as the leader. Answered with a txn that has not `succeeded`: it leads no longer. */
export function proclaimRequest(
  leader: HeldKey & { readonly leaseId: bigint },
  value: Uint8Array,
): MemberRequest {
  return reviseRequest(leader, value);
}

/** Leads no longer. May be made twice. */
export function resignRequest(leader: HeldKey): MemberRequest {
  return leaveRequest(leader);
}

/** Who leads now. */
export function leaderRequest(name: string): MemberRequest {
  return { kind: 'range', request: oldestRequest(name) };
}

/** Undefined: nobody does. */
export function leaderIn(response: RangeResponse): KeyValue | undefined {
  return response.kvs[0];
}

/**
 * Tells who leads: at first, and whenever another leads or the leader proclaims something else. Between two leaders of whom
 * one followed the other at once `vacant` need not be told; each proclamation of one that stays the leader is.
 */
export class ObserveRecipe implements Machine<RecipeEvent, ObserveEffect> {
  readonly #name: string;
  #state: 'new' | 'reading' | 'watching' | 'done' = 'new';
  /** Whose key is watched; undefined: the whole queue, for somebody to enter. */
  #leaderKey: string | undefined;
  /** What was told last; undefined: nothing yet. */
  #told: { readonly key: string; readonly modRevision: number } | 'vacant' | undefined;
  #effects: ObserveEffect[] = [];

  /** @param name bytes as a latin1 string */
  constructor(name: string) {
    this.#name = name;
  }

  get deadlineUs(): number {
    return Infinity;
  }

  step(event: RecipeEvent, _nowUs: number): readonly ObserveEffect[] {
    switch (event.kind) {
      case 'begun':
        assert(this.#state === 'new', 'a recipe begins once');
        this.#read();
        break;
      case 'answered':
        this.#onAnswered(event.outcome);
        break;
      case 'watched':
        this.#onWatched(event.batch);
        break;
      case 'watchEnded':
        this.#onWatchEnded(event.end);
        break;
      case 'cancelled':
        this.#onCancelled();
        break;
      default:
        unreachable(event);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #onAnswered(outcome: ClientOutcome): void {
    if (this.#state !== 'reading') return;
    switch (outcome.kind) {
      case 'answered':
        assert(outcome.response.kind === 'range', 'a range is answered with a range');
        this.#onRead(outcome.response.response);
        break;
      case 'refused':
        this.#fail('refused', outcome.refusal.message, outcome.refusal);
        break;
      case 'failed':
      case 'unknown':
        this.#fail(outcome.kind, outcome.reason);
        break;
      default:
        unreachable(outcome);
    }
  }

  #onRead(response: RangeResponse): void {
    const leader = leaderIn(response);
    const startRevision = (response.header?.revision ?? 0) + 1;
    this.#state = 'watching';
    this.#leaderKey = leader?.key;
    if (leader === undefined) {
      if (this.#told !== 'vacant') this.#effects.push({ kind: 'vacant' });
      this.#told = 'vacant';
      const prefix = queuePrefix(this.#name);
      const filters = [watchFilters.noDelete];
      this.#watch({ key: prefix, rangeEnd: prefixEnd(prefix), startRevision, filters });
    } else {
      this.#tell(leader, response.header);
      this.#watch({ key: leader.key, rangeEnd: '', startRevision, filters: [] });
    }
  }

  #onWatched({ events }: WatchBatch): void {
    if (this.#state !== 'watching') return;
    for (const event of events) {
      if (this.#leaderKey === undefined || event.type === eventTypes.delete) {
        this.#effects.push({ kind: 'unwatch' });
        this.#read();
        return;
      }
      this.#proclaimed(event);
    }
  }

  #proclaimed({ kv }: Event): void {
    if (kv !== undefined) this.#tell(kv, undefined);
  }

  #onWatchEnded(end: WatchEnd): void {
    if (this.#state !== 'watching') return;
    if (end.kind === 'compacted') this.#read();
    else this.#fail('refused', end.reason);
  }

  #onCancelled(): void {
    if (this.#state === 'done') return;
    if (this.#state === 'watching') this.#effects.push({ kind: 'unwatch' });
    this.#fail('cancelled', 'it was cancelled');
  }

  #read(): void {
    this.#state = 'reading';
    this.#effects.push({ kind: 'call', request: leaderRequest(this.#name) });
  }

  #watch(target: Pick<WatchTarget, 'key' | 'rangeEnd' | 'startRevision' | 'filters'>): void {
    this.#effects.push({ kind: 'watch', target: { ...target, prevKv: false, progressNotify: false } });
  }

  #tell(leader: KeyValue, header: ResponseHeader | undefined): void {
    const { key, modRevision } = leader;
    const told = this.#told;
    if (told !== undefined && told !== 'vacant' && told.key === key && told.modRevision === modRevision)
      return;
    this.#told = { key, modRevision };
    this.#effects.push({ kind: 'led', leader, header });
  }

  #fail(
    why: 'cancelled' | 'refused' | 'failed' | 'unknown',
    reason: string,
    refusal: Extract<ClientOutcome, { readonly kind: 'refused' }>['refusal'] | undefined = undefined,
  ): void {
    this.#state = 'done';
    this.#effects.push({ kind: 'failed', why, reason, refusal });
  }
}
