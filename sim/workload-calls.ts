import { bytesFromLatin1 } from '../core/base/bytes.ts';
import { unreachable } from '../core/base/assert.ts';
import { between, type Prng } from '../core/base/prng.ts';
import {
  Compare,
  compareResults,
  compareTargets,
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  type RequestOp,
} from '../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../core/chainfire/member-protocol.ts';
import { drawNamespaceRequest } from './workload-namespaces.ts';
import { drawAuthChange } from './workload-users.ts';
import { type KeyKnowledge } from './workload-knowledge.ts';
import { type WorkloadOperation, type WorkloadPlan } from './types.ts';

/** What is one call, and not an undertaking of many. */
export type CallOperation = Exclude<WorkloadOperation, 'lease' | 'watch' | 'lock' | 'upkeep'>;

export function isOneCall(operation: WorkloadOperation): operation is CallOperation {
  return !['lease', 'watch', 'lock', 'upkeep'].includes(operation);
}

/** Every key of the workload lies below this prefix; `keyspaceEnd` is the first key behind it. */
export const keyspace = 'key/';
export const keyspaceEnd = 'key0';
/** How far back a client asks for old revisions, and how much it leaves when it compacts. */
const historyReach = 60;
const compactionMargin = 20;

/** The workload's key number `n`: two digits at least, so that prefixes of ten keys exist. */
export function workloadKey(n: number): string {
  return keyspace + String(n).padStart(2, '0');
}

/** A linearizable read of every key. */
export function wholeKeyspace(): MemberRequest {
  return { kind: 'range', request: RangeRequest.create({ key: keyspace, rangeEnd: keyspaceEnd }) };
}

/** Draws the requests of one client: which operation by the plan's weights, which keys uniformly. */
export class CallDrawer {
  readonly #client: number;
  readonly #plan: WorkloadPlan;
  readonly #prng: Prng;
  readonly #knowledge: KeyKnowledge;
  readonly #operations: readonly (readonly [WorkloadOperation, number])[];
  readonly #weights: number;
  #callId = 0;
  #valueSeq = 0;

  constructor(options: { client: number; plan: WorkloadPlan; prng: Prng; knowledge: KeyKnowledge }) {
    this.#client = options.client;
    this.#plan = options.plan;
    this.#prng = options.prng;
    this.#knowledge = options.knowledge;
    this.#operations = Object.entries(options.plan.mix) as [WorkloadOperation, number][];
    this.#weights = this.#operations.reduce((sum, [, weight]) => sum + weight, 0);
  }

  /** What the client does next. */
  operation(): WorkloadOperation {
    let left = this.#prng.below(this.#weights);
    for (const [operation, weight] of this.#operations) {
      if (left < weight) return operation;
      left -= weight;
    }
    return 'get';
  }

  /** The request of such a call. */
  draw(callId: number, operation: CallOperation): MemberRequest {
    this.#callId = callId;
    this.#valueSeq = 0;
    switch (operation) {
      case 'put':
        return { kind: 'put', request: this.#put(this.#key()) };
      case 'get':
        return { kind: 'range', request: RangeRequest.create({ key: this.#key() }) };
      case 'serializableGet':
        return this.#serializableGet();
      case 'delete':
        return { kind: 'deleteRange', request: this.#delete() };
      case 'compareAndSwap':
        return this.#compareAndSwap();
      case 'txn':
        return { kind: 'txn', request: this.#txn(true) };
      case 'range':
        return { kind: 'range', request: this.#range() };
      case 'historicRange':
        return this.#historicRange();
      case 'historicTxn':
        return this.#historicTxn();
      case 'compact':
        return this.#compact();
      case 'auth':
        return drawAuthChange(this.#prng, () => this.#span());
      case 'namespace':
        return drawNamespaceRequest(this.#prng, this.#plan);
      default:
        return unreachable(operation);
    }
  }

  #key(): string {
    return workloadKey(this.#prng.below(this.#plan.keys));
  }

  /** A range of neighbouring keys, or all of them. */
  #span(): { key: string; rangeEnd: string } {
    if (this.#prng.chance(1, 2)) return { key: keyspace, rangeEnd: keyspaceEnd };
    const from = this.#prng.below(this.#plan.keys);
    return { key: workloadKey(from), rangeEnd: workloadKey(from + between(this.#prng, 1, 5)) };
  }

  /** Unlike every other value of the run, so that whoever reads it can tell who wrote it. */
  #value(): Uint8Array {
    this.#valueSeq += 1;
    const name = `${this.#client}:${this.#callId}:${this.#valueSeq}:`;
    const bytesMax = this.#plan.valueBytesMax ?? 0;
    const padding = bytesMax > name.length ? this.#prng.below(bytesMax - name.length + 1) : 0;
    return bytesFromLatin1(name + '.'.repeat(padding));
  }

  #put(key: string): PutRequest {
    return PutRequest.create({ key, value: this.#value(), prevKv: this.#prng.chance(1, 3) });
  }

  #delete(): DeleteRangeRequest {
    const prevKv = this.#prng.chance(2, 3);
    if (this.#prng.chance(1, 6)) return DeleteRangeRequest.create({ ...this.#span(), prevKv });
    return DeleteRangeRequest.create({ key: this.#key(), prevKv });
  }

  #range(): RangeRequest {
    const limit = this.#prng.chance(1, 4) ? between(this.#prng, 1, 4) : 0;
    return RangeRequest.create({ ...this.#span(), limit, countOnly: this.#prng.chance(1, 10) });
  }

  /** What this member has, or has got to know of; a share asks for whatever is there at once. */
  #serializableGet(): MemberRequest {
    const keys = this.#prng.chance(1, 4) ? this.#span() : { key: this.#key() };
    if (this.#prng.chance(1, 4)) {
      return { kind: 'range', request: RangeRequest.create(keys), consistency: 'local' };
    }
    return { kind: 'range', request: RangeRequest.create({ ...keys, serializable: true }) };
  }

  #historicRange(): MemberRequest {
    return { kind: 'range', request: this.#rangeOfThePast() };
  }

  #rangeOfThePast(): RangeRequest {
    const newest = this.#knowledge.revision;
    const revision = newest === 0 ? 0 : Math.max(1, newest - this.#prng.below(historyReach));
    const keys = this.#prng.chance(1, 2) ? this.#span() : { key: this.#key() };
    return RangeRequest.create({ ...keys, revision });
  }

  /** What it reads may be compacted by the time that it is executed: then it must not write either, on any member. */
  #historicTxn(): MemberRequest {
    const success = [putOp(this.#put(this.#key())), rangeOp(this.#rangeOfThePast())];
    return { kind: 'txn', request: { compare: [], success, failure: [] } };
  }

  #compact(): MemberRequest {
    // Now and then up to the present itself: the newest change may be all that is left of its key.
    const margin = this.#prng.chance(1, 4) ? 0 : between(this.#prng, compactionMargin, 2 * compactionMargin);
    const revision = Math.max(1, this.#knowledge.revision - margin);
    return {
      kind: 'compact',
      request: CompactionRequest.create({ revision, physical: this.#prng.chance(1, 4) }),
    };
  }

  /** Swaps only what this client saw last, whoever else has written since; a loser learns what is there. */
  #compareAndSwap(): MemberRequest {
    const key = this.#key();
    return {
      kind: 'txn',
      request: {
        compare: [this.#compare(key)],
        success: [putOp(this.#put(key))],
        failure: [rangeOp(RangeRequest.create({ key }))],
      },
    };
  }

  #compare(key: string): Compare {
    const known = this.#knowledge.get(key);
    const { equal, greater, less, notEqual } = compareResults;
    if (known === undefined) {
      const target = this.#prng.chance(1, 2) ? compareTargets.version : compareTargets.create;
      return target === compareTargets.version
        ? Compare.create({ key, target, result: equal, version: 0 })
        : Compare.create({ key, target, result: equal, createRevision: 0 });
    }
    switch (this.#prng.below(5)) {
      case 0:
        return Compare.create({ key, target: compareTargets.version, result: equal, version: known.version });
      case 1:
        return Compare.create({ key, target: compareTargets.value, result: equal, value: known.value });
      case 2: {
        const result = this.#prng.chance(1, 2) ? less : greater;
        return Compare.create({ key, target: compareTargets.mod, result, modRevision: known.modRevision });
      }
      case 3: {
        const result = this.#prng.chance(1, 2) ? equal : notEqual;
        return Compare.create({
          key,
          target: compareTargets.create,
          result,
          createRevision: known.createRevision,
        });
      }
      default:
        return Compare.create({
          key,
          target: compareTargets.mod,
          result: equal,
          modRevision: known.modRevision,
        });
    }
  }

  /** Up to three operations a branch on different keys (a key may be put once in a txn), one level of nesting. */
  #txn(mayNest: boolean): { compare: Compare[]; success: RequestOp[]; failure: RequestOp[] } {
    const compare: Compare[] = [];
    for (let count = this.#prng.below(3); count > 0; count -= 1) compare.push(this.#compare(this.#key()));
    return { compare, success: this.#branch(mayNest), failure: this.#branch(false) };
  }

  #branch(mayNest: boolean): RequestOp[] {
    const first = this.#prng.below(this.#plan.keys);
    const operations: RequestOp[] = [];
    for (let at = 0, count = between(this.#prng, 1, 3); at < count && at < this.#plan.keys; at += 1) {
      const key = workloadKey((first + at) % this.#plan.keys);
      switch (this.#prng.below(4)) {
        case 0:
        case 1:
          operations.push(putOp(this.#put(key)));
          break;
        case 2:
          operations.push({
            ...emptyOp,
            requestDeleteRange: DeleteRangeRequest.create({ key, prevKv: true }),
          });
          break;
        default:
          operations.push(rangeOp(RangeRequest.create({ key })));
      }
    }
    if (this.#prng.chance(1, 3))
      operations.push(rangeOp(RangeRequest.create({ key: keyspace, rangeEnd: keyspaceEnd })));
    if (mayNest && this.#prng.chance(1, 6)) operations.push({ ...emptyOp, requestTxn: this.#nested(first) });
    return operations;
  }

  /** A txn inside: it writes a key that the outer one, which takes three neighbours at most, does not touch. */
  #nested(first: number): { compare: Compare[]; success: RequestOp[]; failure: RequestOp[] } {
    const key = workloadKey((first + 3) % this.#plan.keys);
    const mayWrite = this.#plan.keys > 3;
    return {
      compare: [this.#compare(key)],
      success: mayWrite ? [putOp(this.#put(key))] : [],
      failure: [rangeOp(RangeRequest.create({ key }))],
    };
  }
}

const emptyOp: RequestOp = {
  requestRange: undefined,
  requestPut: undefined,
  requestDeleteRange: undefined,
  requestTxn: undefined,
};

function putOp(requestPut: PutRequest): RequestOp {
  return { ...emptyOp, requestPut };
}

function rangeOp(requestRange: RangeRequest): RequestOp {
  return { ...emptyOp, requestRange };
}
