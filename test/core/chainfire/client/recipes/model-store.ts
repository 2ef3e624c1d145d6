import {
  type Compare,
  compareTargets,
  DeleteRangeResponse,
  KeyValue,
  PutResponse,
  type RangeRequest,
  RangeResponse,
  type RequestOp,
  ResponseHeader,
  ResponseOp,
  sortOrders,
  type TxnRequest,
  TxnResponse,
} from '../../../../../core/chainfire/api/kv.ts';
import { Event, eventTypes } from '../../../../../core/chainfire/api/watch.ts';
import { type MemberRequest, type MemberResponse } from '../../../../../core/chainfire/member-protocol.ts';
import { matches } from '../model-watch-server.ts';

/** What the recipes need of a store, in the plainest way: one list of keys, one of events. */
export class ModelStore {
  revision = 1;
  readonly events: Event[] = [];
  readonly #keys = new Map<string, KeyValue>();
  readonly #ended = new Set<bigint>();

  /** Keys below `prefix`, the oldest first. */
  queue(prefix: string): readonly string[] {
    return this.#sorted((key) => key.startsWith(prefix)).map(({ key }) => key);
  }

  get(key: string): KeyValue | undefined {
    return this.#keys.get(key);
  }

  /** The lease ends, and its keys with it. */
  endLease(lease: bigint): void {
    this.#ended.add(lease);
    const keys = [...this.#keys.values()].filter((found) => found.lease === lease);
    if (keys.length === 0) return;
    this.revision += 1;
    for (const { key } of keys) this.#delete(key);
  }

  delete(key: string): void {
    this.revision += 1;
    this.#delete(key);
  }

  answer(request: MemberRequest): MemberResponse {
    switch (request.kind) {
      case 'range':
        return { kind: 'range', response: { ...this.#range(request.request), header: this.#header() } };
      case 'deleteRange':
        if (this.#keys.has(request.request.key)) this.delete(request.request.key);
        return { kind: 'deleteRange', response: DeleteRangeResponse.create({ header: this.#header() }) };
      case 'txn':
        return this.#txn(request.request);
      default:
        throw new Error(`a recipe has no use for ${request.kind}`);
    }
  }

  #txn({ compare, success, failure }: TxnRequest): MemberResponse {
    const succeeded = compare.every((one) => this.#holds(one));
    const operations = succeeded ? success : failure;
    const writes = operations.some(
      ({ requestPut, requestDeleteRange }) =>
        requestPut !== undefined ||
        (requestDeleteRange !== undefined && this.#keys.has(requestDeleteRange.key)),
    );
    if (operations.some(({ requestPut }) => requestPut !== undefined && this.#ended.has(requestPut.lease))) {
      return { kind: 'refused', code: 'LEASE_NOT_FOUND', message: 'etcdserver: requested lease not found' };
    }
    if (writes) this.revision += 1;
    const responses = operations.map((operation) => this.#operation(operation));
    return { kind: 'txn', response: TxnResponse.create({ header: this.#header(), succeeded, responses }) };
  }

  #holds({ key, target, createRevision }: Compare): boolean {
    if (target !== compareTargets.create) throw new Error('a recipe compares create revisions');
    return (this.#keys.get(key)?.createRevision ?? 0) === createRevision;
  }

  #operation({ requestPut, requestRange, requestDeleteRange }: RequestOp): ResponseOp {
    if (requestPut !== undefined) {
      const { key, value, lease } = requestPut;
      const before = this.#keys.get(key);
      const kv = KeyValue.create({
        key,
        value,
        lease,
        createRevision: before?.createRevision ?? this.revision,
        modRevision: this.revision,
        version: (before?.version ?? 0) + 1,
      });
      this.#keys.set(key, kv);
      this.events.push(Event.create({ type: eventTypes.put, kv }));
      return ResponseOp.create({ responsePut: PutResponse.create() });
    }
    if (requestDeleteRange !== undefined) {
      this.#delete(requestDeleteRange.key);
      return ResponseOp.create({ responseDeleteRange: DeleteRangeResponse.create() });
    }
    if (requestRange === undefined) throw new Error('an operation is one of three');
    return ResponseOp.create({ responseRange: this.#range(requestRange) });
  }

  #range(request: RangeRequest): RangeResponse {
    const { maxCreateRevision, limit, sortOrder } = request;
    const kvs = this.#sorted((key) => matches(request, key)).filter(
      ({ createRevision }) => maxCreateRevision === 0 || createRevision <= maxCreateRevision,
    );
    if (sortOrder === sortOrders.descend) kvs.reverse();
    return RangeResponse.create({ kvs: limit === 0 ? kvs : kvs.slice(0, limit), count: kvs.length });
  }

  #sorted(wanted: (key: string) => boolean): KeyValue[] {
    return [...this.#keys.values()]
      .filter(({ key }) => wanted(key))
      .sort((left, right) => left.createRevision - right.createRevision);
  }

  #delete(key: string): void {
    if (!this.#keys.delete(key)) return;
    const kv = KeyValue.create({ key, modRevision: this.revision });
    this.events.push(Event.create({ type: eventTypes.delete, kv }));
  }

  #header(): ResponseHeader {
    return ResponseHeader.create({ revision: this.revision });
  }
}
