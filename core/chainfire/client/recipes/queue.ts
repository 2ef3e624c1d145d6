import { assert, present, unreachable } from '../../../base/assert.ts';
import { equalBytes } from '../../../base/bytes.ts';
import { type Machine } from '../../../base/machine.ts';
import {
  Compare,
  compareResults,
  compareTargets,
  DeleteRangeRequest,
  type KeyValue,
  PutRequest,
  RangeRequest,
  RequestOp,
  type ResponseHeader,
  sortOrders,
  sortTargets,
  type TxnResponse,
  TxnRequest,
} from '../../api/kv.ts';
import { eventTypes, watchFilters } from '../../api/watch.ts';
import { type MemberRequest } from '../../member-protocol.ts';
import { prefixEnd } from '../key-prefix.ts';
import { type ClientOutcome, type WatchBatch, type WatchEnd } from '../protocol.ts';
import { type QueueEffect, type RecipeEvent, type RecipeFailure } from './protocol.ts';

/** A key that somebody holds, and the revision that created it. */
export interface HeldKey {
  readonly key: string;
  readonly revision: number;
}

/** A place is named after its owner's lease, as etcd's clients do, so that theirs and ours stand in the same queue. */
export function placeKey(name: string, leaseId: bigint): string {
  return `${queuePrefix(name)}${BigInt.asIntN(64, leaseId).toString(16)}`;
}

export function queuePrefix(name: string): string {
  return `${name}/`;
}

/** The oldest key of the queue: who holds the lock, or leads. */
export function oldestRequest(name: string): RangeRequest {
  const prefix = queuePrefix(name);
  return RangeRequest.create({
    key: prefix,
    rangeEnd: prefixEnd(prefix),
    limit: 1,
    sortTarget: sortTargets.create,
    sortOrder: sortOrders.ascend,
  });
}

/** Deletes the key unless it is another's by now: created anew at a later revision. */
export function leaveRequest({ key, revision }: HeldKey): MemberRequest {
  return {
    kind: 'txn',
    request: TxnRequest.create({
      compare: [createdAt(key, revision)],
      success: [RequestOp.create({ requestDeleteRange: DeleteRangeRequest.create({ key }) })],
    }),
  };
}

/** Gives the key another value, if it is still the same key. */
export function reviseRequest(
  held: HeldKey & { readonly leaseId: bigint },
  value: Uint8Array,
): MemberRequest {
  const { key, revision, leaseId } = held;
  return {
    kind: 'txn',
    request: TxnRequest.create({
      compare: [createdAt(key, revision)],
      success: [RequestOp.create({ requestPut: PutRequest.create({ key, value, lease: leaseId }) })],
    }),
  };
}

/** So many times in a row a call that does no harm twice is made again when nobody knows whether it was done. */
const unknownsMax = 5;

/**
 * Waits in a queue of keys below a name, each on its owner's lease, ordered by create revision: the oldest holds. The
 * machine behind locks and elections; what it writes and reads is what etcd's `concurrency` package does.
 *
 * It enters (creates its key unless it exists), then looks for the newest key that is older than its own, watches that one
 * until it is deleted, and looks again. Each look reads its own key and the one before it at one revision, and it acquires
 * only when the first exists and the second does not. Waiting for one key wakes one waiter per release, not all.
 */
export class QueueRecipe implements Machine<RecipeEvent, QueueEffect> {
  readonly #name: string;
  readonly #leaseId: bigint;
  readonly #key: string;
  readonly #value: Uint8Array;
  #state: 'new' | 'entering' | 'revising' | 'looking' | 'waiting' | 'leaving' | 'done' = 'new';
  /** Create revision of the own key; 0: not known. */
  #revision = 0;
  /** A call to enter may have been done, or may yet be. */
  #mayHaveEntered = false;
  /** The call under way has so often ended unknown. */
  #unknowns = 0;
  #request: MemberRequest | undefined;
  /** Why it ends, once it must: what is left is to remove the own key. */
  #failure: RecipeFailure | undefined;
  #effects: QueueEffect[] = [];

  /** @param options.name bytes as a latin1 string, like the value of `key` in `acquired` */
  constructor(options: { readonly name: string; readonly leaseId: bigint; readonly value: Uint8Array }) {
    assert(options.leaseId !== 0n, 'a place in a queue lies on a lease');
    this.#name = options.name;
    this.#leaseId = options.leaseId;
    this.#key = placeKey(options.name, options.leaseId);
    this.#value = options.value;
  }

  /** It has no time of its own: how long a call may take is its driver's business. */
  get deadlineUs(): number {
    return Infinity;
  }

  step(event: RecipeEvent, _nowUs: number): readonly QueueEffect[] {
    switch (event.kind) {
      case 'begun':
        this.#onBegun();
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

  #onBegun(): void {
    assert(this.#state === 'new', 'a recipe begins once');
    this.#state = 'entering';
    this.#call(this.#enterRequest());
  }

  #onAnswered(outcome: ClientOutcome): void {
    const request = present(this.#request, 'a call is under way');
    this.#request = undefined;
    if (outcome.kind === 'unknown') {
      this.#mayHaveEntered ||= this.#state === 'entering';
      this.#unknowns += 1;
      const giveUp = this.#failure !== undefined && this.#state !== 'leaving';
      // Each of its calls compares first, so that a second time changes nothing.
      if (this.#unknowns < unknownsMax && !giveUp) this.#callAgain(request);
      else this.#fail({ why: 'unknown', reason: outcome.reason, refusal: undefined });
      return;
    }
    this.#unknowns = 0;
    if (this.#state === 'leaving') {
      this.#finish();
    } else if (outcome.kind === 'answered') {
      assert(outcome.response.kind === 'txn', 'a txn is answered with a txn');
      this.#onTxn(outcome.response.response);
    } else if (outcome.kind === 'refused') {
      const { refusal } = outcome;
      this.#fail({ why: 'refused', reason: refusal.message, refusal });
    } else {
      this.#fail({ why: 'failed', reason: outcome.reason, refusal: undefined });
    }
  }

  #onTxn(response: TxnResponse): void {
    if (this.#state === 'entering') this.#onEntered(response);
    else if (this.#failure !== undefined) this.#leave();
    else if (!response.succeeded) this.#loseSession();
    else if (this.#state === 'revising') this.#look();
    else this.#onLooked(response);
  }

  #onEntered(response: TxnResponse): void {
    this.#mayHaveEntered = true;
    const [first, second] = response.responses;
    const own = first?.responseRange?.kvs[0];
    this.#revision = response.succeeded ? (response.header?.revision ?? 0) : (own?.createRevision ?? 0);
    if (this.#revision < 1) {
      const reason = 'the answer does not say where it stands in the queue';
      this.#fail({ why: 'failed', reason, refusal: undefined });
    } else if (this.#failure !== undefined) {
      this.#leave();
    } else if (own !== undefined && !equalBytes(own.value, this.#value)) {
      // Entered before with another value, on the same lease.
      this.#state = 'revising';
      const held = { key: this.#key, revision: this.#revision, leaseId: this.#leaseId };
      this.#call(reviseRequest(held, this.#value));
    } else if ((second?.responseRange?.kvs[0]?.createRevision ?? this.#revision) >= this.#revision) {
      this.#acquire(response.header);
    } else {
      this.#look();
    }
  }

  #onLooked(response: TxnResponse): void {
    const before = response.responses[0]?.responseRange?.kvs[0];
    if (before === undefined) this.#acquire(response.header);
    else this.#wait(before, response.header?.revision ?? 0);
  }

  #onWatched(batch: WatchBatch): void {
    if (this.#state !== 'waiting') return;
    if (!batch.events.some(({ type }) => type === eventTypes.delete)) return;
    this.#effects.push({ kind: 'unwatch' });
    this.#look();
  }

  #onWatchEnded(end: WatchEnd): void {
    if (this.#state !== 'waiting') return;
    // What was compacted may have held the deletion; the present shows whether it did.
    if (end.kind === 'compacted') this.#look();
    else this.#fail({ why: 'refused', reason: end.reason, refusal: undefined });
  }

  #onCancelled(): void {
    if (this.#state === 'done' || this.#failure !== undefined) return;
    const failure = { why: 'cancelled', reason: 'it was cancelled', refusal: undefined } as const;
    if (this.#state === 'waiting') this.#effects.push({ kind: 'unwatch' });
    // With a call under way its outcome comes first: to leave before it has entered would leave the key behind.
    if (this.#request === undefined) this.#fail(failure);
    else this.#failure = failure;
  }

  #look(): void {
    this.#state = 'looking';
    this.#call(this.#lookRequest());
  }

  #wait(before: KeyValue, revision: number): void {
    this.#state = 'waiting';
    this.#effects.push({
      kind: 'watch',
      target: {
        key: before.key,
        rangeEnd: '',
        startRevision: revision + 1,
        prevKv: false,
        filters: [watchFilters.noPut],
        progressNotify: false,
      },
    });
  }

  #acquire(header: ResponseHeader | undefined): void {
    this.#state = 'done';
    this.#effects.push({ kind: 'acquired', key: this.#key, revision: this.#revision, header });
  }

  #loseSession(): void {
    this.#failure = {
      why: 'sessionLost',
      reason: 'its key is gone: its lease has ended, or somebody deleted it',
      refusal: undefined,
    };
    this.#finish();
  }

  /** The first reason counts. */
  #fail(failure: RecipeFailure): void {
    this.#failure ??= failure;
    if (this.#mayHaveEntered && this.#state !== 'leaving') this.#leave();
    else this.#finish();
  }

  #leave(): void {
    this.#state = 'leaving';
    this.#unknowns = 0;
    if (this.#revision > 0) {
      this.#call(leaveRequest({ key: this.#key, revision: this.#revision }));
    } else {
      // Nobody else's key has this name.
      this.#call({ kind: 'deleteRange', request: DeleteRangeRequest.create({ key: this.#key }) });
    }
  }

  #finish(): void {
    this.#state = 'done';
    this.#effects.push({ kind: 'failed', ...present(this.#failure, 'it ends for a reason') });
  }

  #call(request: MemberRequest): void {
    this.#unknowns = 0;
    this.#callAgain(request);
  }

  #callAgain(request: MemberRequest): void {
    this.#request = request;
    this.#effects.push({ kind: 'call', request });
  }

  #enterRequest(): MemberRequest {
    const key = this.#key;
    const oldest = RequestOp.create({ requestRange: oldestRequest(this.#name) });
    const put = PutRequest.create({ key, value: this.#value, lease: this.#leaseId });
    return {
      kind: 'txn',
      request: TxnRequest.create({
        compare: [createdAt(key, 0)],
        success: [RequestOp.create({ requestPut: put }), oldest],
        failure: [RequestOp.create({ requestRange: RangeRequest.create({ key }) }), oldest],
      }),
    };
  }

  #lookRequest(): MemberRequest {
    const prefix = queuePrefix(this.#name);
    const newestBefore = RangeRequest.create({
      key: prefix,
      rangeEnd: prefixEnd(prefix),
      limit: 1,
      sortTarget: sortTargets.create,
      sortOrder: sortOrders.descend,
      keysOnly: true,
      maxCreateRevision: this.#revision - 1,
    });
    return {
      kind: 'txn',
      request: TxnRequest.create({
        compare: [createdAt(this.#key, this.#revision)],
        success: [RequestOp.create({ requestRange: newestBefore })],
      }),
    };
  }
}

/** 0: it does not exist. */
function createdAt(key: string, revision: number): Compare {
  return Compare.create({
    key,
    target: compareTargets.create,
    result: compareResults.equal,
    createRevision: revision,
  });
}
