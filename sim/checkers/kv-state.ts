import { compareBytes, compareKeys, equalBytes, latin1FromBytes } from '../../core/base/bytes.ts';
import { assert, present } from '../../core/base/assert.ts';
import {
  type Compare,
  compareResults,
  compareTargets,
  type DeleteRangeRequest,
  type DeleteRangeResponse,
  type KeyValue,
  type PutRequest,
  type PutResponse,
  type RangeRequest,
  type RangeResponse,
  type RequestOp,
  type ResponseOp,
  sortOrders,
  sortTargets,
  type TxnRequest,
  type TxnResponse,
} from '../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { type Operation } from '../types.ts';

/** A key as the model holds it. */
export interface KvVersion {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  readonly lease: bigint;
  /** Which operation wrote it: tells two values of equal numbers apart. Undefined: one whose value nobody ever saw. */
  readonly writer: Operation | undefined;
}

/**
 * Ten lines of etcd's key-value semantics, for some of the keys: executes a request at a revision and compares each part
 * of the answer that concerns these keys. Parts that concern several keys at once (a count, a failed list of compares)
 * are compared when all of those keys are here; the partitioning sees to that.
 *
 * A lease is a number that a key carries here; that a put is refused when there is no such lease is not modelled.
 */
export class KvState {
  /** In byte order. */
  readonly #keys: readonly string[];
  readonly #owned: ReadonlySet<string>;
  /** No other key ever existed: a range without any of ours is empty, rather than somebody else's. */
  readonly #whole: boolean;
  readonly #versions = new Map<string, KvVersion>();
  readonly #undo: (readonly [key: string, before: KvVersion | undefined])[] = [];
  #revision = 0;
  #writer: Operation | undefined;

  constructor(keys: readonly string[], extent: 'partition' | 'wholeStore' = 'partition') {
    this.#keys = keys.toSorted(compareKeys);
    this.#owned = new Set(keys);
    this.#whole = extent === 'wholeStore';
  }

  /** Makes a key what it is said to be, whoever wrote it; not to be taken back. */
  adopt(key: string, kv: Omit<KvVersion, 'writer'> | undefined): void {
    assert(this.#undo.length === 0 && this.#owned.has(key), 'a state is adopted between operations');
    if (kv === undefined) this.#versions.delete(key);
    else this.#versions.set(key, { ...kv, writer: undefined });
  }

  /** Marks a point to go back to with `undoTo`. */
  get mark(): number {
    return this.#undo.length;
  }

  undoTo(mark: number): void {
    while (this.#undo.length > mark) {
      const [key, before] = present(this.#undo.pop(), 'marks lie in the past');
      if (before === undefined) this.#versions.delete(key);
      else this.#versions.set(key, before);
    }
  }

  /** Keys that were written since the mark, and what they are now. */
  writtenSince(mark: number): readonly (readonly [key: string, kv: KvVersion | undefined])[] {
    return this.#undo.slice(mark).map(([key]) => [key, this.#versions.get(key)] as const);
  }

  /** Equal keys mean equal states, among those that the same set of operations can reach. */
  stateKey(): string {
    let text = '';
    for (const key of this.#keys) {
      const kv = this.#versions.get(key);
      if (kv === undefined) text += ';';
      else {
        const writer = kv.writer === undefined ? '' : `${kv.writer.client}:${kv.writer.callId}`;
        text += `${kv.createRevision}.${kv.modRevision}.${kv.version}.${writer};`;
      }
    }
    return text;
  }

  /**
   * @param remember anonymously: an operation that others may stand for, whose values nobody saw
   * @returns why the answer does not fit, or undefined; an operation without an answer fits any state
   */
  execute(operation: Operation, revision: number, remember: 'byName' | 'anonymously'): string | undefined {
    this.#revision = revision;
    this.#writer = remember === 'byName' ? operation : undefined;
    const answer = operation.outcome.kind === 'answered' ? operation.outcome.response : undefined;
    if (answer !== undefined && answer.kind !== operation.request.kind)
      return `it was answered as a ${answer.kind}`;
    return this.#request(operation.request, answer?.response);
  }

  #request(request: MemberRequest, response: unknown): string | undefined {
    switch (request.kind) {
      case 'range':
        return this.#range(request.request, response as RangeResponse | undefined);
      case 'put':
        return this.#put(request.request, response as PutResponse | undefined);
      case 'deleteRange':
        return this.#delete(request.request, response as DeleteRangeResponse | undefined);
      case 'txn':
        return this.#txn(request.request, response as TxnResponse | undefined);
      default:
        return undefined;
    }
  }

  #range(request: RangeRequest, response: RangeResponse | undefined): string | undefined {
    if (response === undefined) return undefined;
    let found = this.#present(request.key, request.rangeEnd);
    const { length: count } = found;
    found = found.filter(([, kv]) => passesFilters(kv, request));
    sortRows(found, request);
    if (!this.#whole && isWholeRange(request, response))
      return this.#sameRows(found, response.kvs, request.keysOnly);
    if (!this.#owns(request.key, request.rangeEnd)) return undefined;
    if (response.count !== count) return `it counted ${response.count} keys where there were ${count}`;
    if (request.countOnly) return undefined;
    if (request.limit > 0) found = found.slice(0, request.limit);
    return this.#sameRows(found, response.kvs, request.keysOnly);
  }

  #put(request: PutRequest, response: PutResponse | undefined): string | undefined {
    if (!this.#owned.has(request.key)) return undefined;
    const before = this.#versions.get(request.key);
    if (response !== undefined && request.prevKv) {
      const reason = this.#sameRow(request.key, before, response.prevKv, false);
      if (reason !== undefined) return reason;
    }
    this.#set(request.key, {
      createRevision: before?.createRevision ?? this.#revision,
      modRevision: this.#revision,
      version: (before?.version ?? 0) + 1,
      value: request.ignoreValue && before !== undefined ? before.value : request.value,
      lease: request.ignoreLease && before !== undefined ? before.lease : request.lease,
      writer: this.#writer,
    });
    return undefined;
  }

  #delete(request: DeleteRangeRequest, response: DeleteRangeResponse | undefined): string | undefined {
    const found = this.#present(request.key, request.rangeEnd);
    if (response !== undefined) {
      if (isWholeDelete(request, response)) {
        const reason = this.#sameRows(found, response.prevKvs, false);
        if (reason !== undefined) return reason;
      } else if (this.#owns(request.key, request.rangeEnd) && response.deleted !== found.length) {
        return `it deleted ${response.deleted} keys where there were ${found.length}`;
      }
    }
    for (const [key] of found) this.#set(key, undefined);
    return undefined;
  }

  /** As etcd does: which branches are taken, nested txns included, is settled before anything is executed. */
  #txn(request: TxnRequest, response: TxnResponse | undefined): string | undefined {
    const path: boolean[] = [];
    const reason = this.#choosePath(request, response, path);
    return reason ?? this.#follow(request, response, path[Symbol.iterator]());
  }

  /** Appends which way this txn goes, and those in its branch, in the order in which they stand. */
  #choosePath(request: TxnRequest, response: TxnResponse | undefined, path: boolean[]): string | undefined {
    const outcome = this.#compares(request.compare);
    const succeeded = response?.succeeded ?? outcome !== 'fail';
    if (succeeded && outcome === 'fail')
      return 'its compares did not hold, and it took the branch for success';
    if (!succeeded && outcome === 'hold') return 'its compares held, and it took the branch for failure';
    const branch = succeeded ? request.success : request.failure;
    if (response !== undefined && response.responses.length !== branch.length) {
      return `it answered ${response.responses.length} operations of ${branch.length}`;
    }
    path.push(succeeded);
    for (let at = 0; at < branch.length; at += 1) {
      const inner = branch[at]?.requestTxn;
      const reason =
        inner === undefined ? undefined : this.#choosePath(inner, response?.responses[at]?.responseTxn, path);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  #follow(
    request: TxnRequest,
    response: TxnResponse | undefined,
    path: Iterator<boolean>,
  ): string | undefined {
    const branch = path.next().value === true ? request.success : request.failure;
    for (let at = 0; at < branch.length; at += 1) {
      const op = present(branch[at], 'the loop stays inside');
      const answer = response?.responses[at];
      const reason =
        op.requestTxn === undefined
          ? this.#operation(op, answer)
          : this.#follow(op.requestTxn, answer?.responseTxn, path);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  #operation(op: RequestOp, response: ResponseOp | undefined): string | undefined {
    // What a txn reads of the past says nothing of this state; the checker of revisions knows the rows.
    if (op.requestRange !== undefined && op.requestRange.revision > 0) return undefined;
    if (op.requestRange !== undefined) return this.#range(op.requestRange, response?.responseRange);
    if (op.requestPut !== undefined) return this.#put(op.requestPut, response?.responsePut);
    if (op.requestDeleteRange !== undefined)
      return this.#delete(op.requestDeleteRange, response?.responseDeleteRange);
    return undefined;
  }

  /** `unknown`: those of the keys that are here do not decide. */
  #compares(compares: readonly Compare[]): 'hold' | 'fail' | 'unknown' {
    let whole = true;
    for (const compare of compares) {
      if (!this.#owns(compare.key, compare.rangeEnd)) whole = false;
      else if (!this.#holds(compare)) return 'fail';
    }
    return whole ? 'hold' : 'unknown';
  }

  #holds(compare: Compare): boolean {
    if (compare.rangeEnd === '') return holdsFor(compare, this.#versions.get(compare.key));
    const found = this.#present(compare.key, compare.rangeEnd);
    if (found.length === 0) return holdsFor(compare, undefined);
    return found.every(([, kv]) => holdsFor(compare, kv));
  }

  #sameRows(
    found: readonly (readonly [string, KvVersion])[],
    rows: readonly KeyValue[],
    keysOnly: boolean,
  ): string | undefined {
    const own = rows.filter((row) => this.#owned.has(row.key));
    for (let at = 0; at < Math.max(found.length, own.length); at += 1) {
      const [expected, row] = [found[at], own[at]];
      const key = expected?.[0] ?? row?.key ?? '';
      const reason =
        row !== undefined && expected !== undefined && row.key !== expected[0]
          ? `it shows ${row.key} where ${expected[0]} is next`
          : this.#sameRow(key, expected?.[1], row, keysOnly);
      if (reason !== undefined) return reason;
    }
    return undefined;
  }

  #sameRow(
    key: string,
    kv: KvVersion | undefined,
    row: KeyValue | undefined,
    keysOnly: boolean,
  ): string | undefined {
    if (kv === undefined && row === undefined) return undefined;
    const same =
      kv !== undefined &&
      row !== undefined &&
      kv.createRevision === row.createRevision &&
      kv.modRevision === row.modRevision &&
      kv.version === row.version &&
      kv.lease === row.lease &&
      (keysOnly || equalBytes(kv.value, row.value));
    return same ? undefined : `it shows ${key} as ${describe(row)} where it is ${describe(kv)}`;
  }

  #present(key: string, rangeEnd: string): [string, KvVersion][] {
    if (rangeEnd === '') {
      const kv = this.#versions.get(key);
      return kv === undefined ? [] : [[key, kv]];
    }
    const rows: [string, KvVersion][] = [];
    for (const own of this.#keys) {
      const kv = isInRange(own, key, rangeEnd) ? this.#versions.get(own) : undefined;
      if (kv !== undefined) rows.push([own, kv]);
    }
    return rows;
  }

  /** A range that reaches past this partition's keys is never whole here; one that is connected always is. */
  #owns(key: string, rangeEnd: string): boolean {
    if (this.#whole) return true;
    if (rangeEnd === '') return this.#owned.has(key);
    return this.#keys.some((own) => isInRange(own, key, rangeEnd));
  }

  #set(key: string, kv: KvVersion | undefined): void {
    this.#undo.push([key, this.#versions.get(key)]);
    if (kv === undefined) this.#versions.delete(key);
    else this.#versions.set(key, kv);
  }
}

/** etcd's three ranges: one key, from a key to the end, and half-open. */
export function isInRange(candidate: string, key: string, rangeEnd: string): boolean {
  if (rangeEnd === '') return candidate === key;
  if (rangeEnd === '\0') return candidate >= key;
  return candidate >= key && candidate < rangeEnd;
}

/** True when the answer shows every key of the range, so that each key can be compared on its own. */
export function isWholeRange(request: RangeRequest, response: RangeResponse): boolean {
  return !request.countOnly && response.count === response.kvs.length;
}

export function isWholeDelete(request: DeleteRangeRequest, response: DeleteRangeResponse): boolean {
  return response.deleted === 0 || (request.prevKv && response.prevKvs.length === response.deleted);
}

function sortRows(rows: [string, KvVersion][], request: RangeRequest): void {
  if (request.sortOrder === sortOrders.none && request.sortTarget === sortTargets.key) return;
  const direction = request.sortOrder === sortOrders.descend ? -1 : 1;
  rows.sort(
    (left, right) =>
      direction * (compareBy(request.sortTarget, left, right) || compareKeys(left[0], right[0])),
  );
}

function compareBy(
  target: number,
  left: readonly [string, KvVersion],
  right: readonly [string, KvVersion],
): number {
  switch (target) {
    case sortTargets.version:
      return left[1].version - right[1].version;
    case sortTargets.create:
      return left[1].createRevision - right[1].createRevision;
    case sortTargets.mod:
      return left[1].modRevision - right[1].modRevision;
    case sortTargets.value:
      return compareBytes(left[1].value, right[1].value);
    default:
      return compareKeys(left[0], right[0]);
  }
}

/** An absent key has zero in every number and no value: a compare of its value fails whatever it asks. */
function holdsFor(compare: Compare, kv: KvVersion | undefined): boolean {
  if (compare.target === compareTargets.value && kv === undefined) return false;
  const order = orderOf(compare, kv);
  switch (compare.result) {
    case compareResults.equal:
      return order === 0;
    case compareResults.notEqual:
      return order !== 0;
    case compareResults.greater:
      return order > 0;
    default:
      return order < 0;
  }
}

function orderOf(compare: Compare, kv: KvVersion | undefined): number {
  switch (compare.target) {
    case compareTargets.version:
      return (kv?.version ?? 0) - (compare.version ?? 0);
    case compareTargets.create:
      return (kv?.createRevision ?? 0) - (compare.createRevision ?? 0);
    case compareTargets.mod:
      return (kv?.modRevision ?? 0) - (compare.modRevision ?? 0);
    case compareTargets.value:
      return kv === undefined ? -1 : compareBytes(kv.value, compare.value ?? new Uint8Array(0));
    default:
      return compareLeases(kv?.lease ?? 0n, compare.lease ?? 0n);
  }
}

function compareLeases(left: bigint, right: bigint): number {
  return left === right ? 0 : left < right ? -1 : 1;
}

/** etcd counts what they leave out. */
function passesFilters(kv: KvVersion, request: RangeRequest): boolean {
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  return (
    kv.modRevision >= minModRevision &&
    kv.createRevision >= minCreateRevision &&
    (maxModRevision === 0 || kv.modRevision <= maxModRevision) &&
    (maxCreateRevision === 0 || kv.createRevision <= maxCreateRevision)
  );
}

function describe(kv: KeyValue | KvVersion | undefined): string {
  if (kv === undefined) return 'absent';
  const value = latin1FromBytes(kv.value);
  const shown = value.length > 24 ? `${value.slice(0, 24)}…` : value;
  const lease = kv.lease === 0n ? '' : `, lease ${kv.lease.toString(16)}`;
  return `"${shown}" (created ${kv.createRevision}, modified ${kv.modRevision}, version ${kv.version}${lease})`;
}
