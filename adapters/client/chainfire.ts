import {
  Compare,
  compareResults,
  compareTargets,
  CompactionRequest,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  TxnRequest,
} from '../../core/chainfire/api/kv.ts';
import { type ClientDriver } from './driver.ts';
import { type Bytes, bytesOf, keyOf } from './bytes.ts';
import { Caller, type Deadline } from './calls.ts';
import { Election } from './election.ts';
import { type Entry, entryOf } from './entry.ts';
import { grantLease, keepLease, type Lease, leaseState, type LeaseState } from './lease.ts';
import { type Lock, takeLock } from './lock.ts';
import { type WaitOptions } from './queue.ts';
import { pages, prefixRange, rangeBetween, rangeCall, type ReadOptions } from './ranges.ts';
import { TxnBuilder } from './txn.ts';
import { Watch, type WatchedKeys, type WatchOptions } from './watch.ts';

export interface PutOptions extends Deadline {
  /** The key is deleted when this lease ends. Absent: no lease. */
  readonly lease?: Lease | bigint | undefined;
  /** Answer with what the key held before. */
  readonly previous?: boolean;
}

export interface PutOutcome {
  /** The write's own. */
  readonly revision: number;
  readonly previous: Entry | undefined;
}

export interface DeleteOutcome {
  /** The write's own; when nothing was deleted the store's. */
  readonly revision: number;
  readonly deleted: number;
  readonly previous: readonly Entry[];
}

/** What `compareAndSwap` expects to find. */
export type Expected =
  'absent' | { readonly version: number } | { readonly modRevision: number } | { readonly value: Bytes };

export type SwapOutcome =
  /** `current` is what the key holds now, with its new version; `previous` what it held before. */
  | {
      readonly swapped: true;
      readonly revision: number;
      readonly current: Entry;
      readonly previous: Entry | undefined;
    }
  /** `current` is what stood in the way; undefined: the key does not exist. */
  | { readonly swapped: false; readonly revision: number; readonly current: Entry | undefined };

/**
 * A client of a Chainfire cluster, or of etcd. Keys and values go in as text (its UTF-8 bytes) or as bytes. Every call
 * throws a `ChainfireError`, whose `outcome` says what became of a write: refused, surely not done, or unknown. A write is
 * never made twice. See docs/client-library.md.
 */
export class Chainfire {
  readonly #caller: Caller;
  readonly #client: ClientDriver;

  constructor(client: ClientDriver, options: { readonly timeoutMs: number }) {
    this.#client = client;
    this.#caller = new Caller(client, options.timeoutMs);
  }

  /** Undefined: there is no such key. */
  async get(key: Bytes, options: ReadOptions = {}): Promise<Entry | undefined> {
    const response = await this.#caller.ask(rangeCall({ key: keyOf(key) }, options), options);
    return entryOf(response.kvs[0]);
  }

  /** Every key that begins with `prefix`, in byte order, as of one revision, a page at a time: results may exceed memory. */
  prefix(
    prefix: Bytes,
    options: ReadOptions & { readonly keysOnly?: boolean } = {},
  ): AsyncGenerator<Entry, void, undefined> {
    const keysOnly = options.keysOnly === true;
    return pages(this.#caller, { ...prefixRange(prefix), keysOnly }, options);
  }

  /** Every key from `from` on and before `to`, like `prefix`. */
  range(
    from: Bytes,
    to: Bytes,
    options: ReadOptions & { readonly keysOnly?: boolean } = {},
  ): AsyncGenerator<Entry, void, undefined> {
    const keysOnly = options.keysOnly === true;
    return pages(this.#caller, { ...rangeBetween(from, to), keysOnly }, options);
  }

  async count(prefix: Bytes, options: ReadOptions = {}): Promise<number> {
    const call = rangeCall({ ...prefixRange(prefix), countOnly: true }, options);
    return (await this.#caller.ask(call, options)).count;
  }

  async put(key: Bytes, value: Bytes, options: PutOptions = {}): Promise<PutOutcome> {
    const request = PutRequest.create({
      key: keyOf(key),
      value: bytesOf(value),
      lease: leaseIdOf(options.lease),
      prevKv: options.previous === true,
    });
    const { header, prevKv } = await this.#caller.ask({ kind: 'put', request }, options);
    return { revision: header?.revision ?? 0, previous: entryOf(prevKv) };
  }

  delete(key: Bytes, options: Deadline & { readonly previous?: boolean } = {}): Promise<DeleteOutcome> {
    return this.#delete({ key: keyOf(key) }, options);
  }

  /** All at one revision. */
  deletePrefix(
    prefix: Bytes,
    options: Deadline & { readonly previous?: boolean } = {},
  ): Promise<DeleteOutcome> {
    return this.#delete(prefixRange(prefix), options);
  }

  /** Writes the key if it is what is expected, and tells either way what it holds now. */
  async compareAndSwap(
    key: Bytes,
    expected: Expected,
    value: Bytes,
    options: Pick<PutOptions, 'lease' | 'timeoutMs'> = {},
  ): Promise<SwapOutcome> {
    const read = RequestOp.create({ requestRange: RangeRequest.create({ key: keyOf(key) }) });
    const put = PutRequest.create({
      key: keyOf(key),
      value: bytesOf(value),
      lease: leaseIdOf(options.lease),
      prevKv: true,
    });
    const request = TxnRequest.create({
      compare: [expectation(keyOf(key), expected)],
      success: [RequestOp.create({ requestPut: put }), read],
      failure: [read],
    });
    const { header, succeeded, responses } = await this.#caller.ask({ kind: 'txn', request }, options);
    const revision = header?.revision ?? 0;
    const current = entryOf(responses.at(-1)?.responseRange?.kvs[0]);
    if (!succeeded) return { swapped: false, revision, current };
    if (current === undefined) throw new Error('a key that was just written is there');
    return { swapped: true, revision, current, previous: entryOf(responses[0]?.responsePut?.prevKv) };
  }

  txn(): TxnBuilder {
    return new TxnBuilder(this.#caller);
  }

  watch(keys: WatchedKeys, options: WatchOptions = {}): Watch {
    return new Watch(this.#client, keys, options);
  }

  /** Grants a lease, which is kept alive until it is revoked, released or lost. A member may give it more time than asked. */
  lease(ttlSeconds: number, options: Deadline & { readonly id?: bigint } = {}): Promise<Lease> {
    return grantLease(this.#caller, { ...options, ttlSeconds, id: options.id ?? 0n });
  }

  /** Keeps alive a lease that was granted elsewhere. */
  keepLease(id: bigint, options: Deadline = {}): Promise<Lease> {
    return keepLease(this.#caller, { ...options, id });
  }

  leaseState(id: bigint, options: Deadline & { readonly keys?: boolean } = {}): Promise<LeaseState> {
    return leaseState(this.#caller, id, options);
  }

  /** Waits until it holds the lock of that name, the same lock as etcd's clients'. */
  lock(name: Bytes, options: WaitOptions = {}): Promise<Lock> {
    return takeLock(this.#caller, name, options);
  }

  election(name: Bytes): Election {
    return new Election(this.#caller, name);
  }

  /** Forgets history below `revision`: reads and watches there are refused afterwards. */
  async compact(revision: number, options: Deadline & { readonly physical?: boolean } = {}): Promise<void> {
    const request = CompactionRequest.create({ revision, physical: options.physical === true });
    await this.#caller.ask({ kind: 'compact', request }, options);
  }

  /** Calls under way end as unknown, watches end, kept leases are lost to this client (and expire unless others keep them). */
  close(): void {
    this.#client.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  async #delete(
    range: { readonly key: string; readonly rangeEnd?: string },
    options: Deadline & { readonly previous?: boolean },
  ): Promise<DeleteOutcome> {
    const request = DeleteRangeRequest.create({ ...range, prevKv: options.previous === true });
    const { header, deleted, prevKvs } = await this.#caller.ask({ kind: 'deleteRange', request }, options);
    return {
      revision: header?.revision ?? 0,
      deleted,
      previous: prevKvs.flatMap((found) => entryOf(found) ?? []),
    };
  }
}

function leaseIdOf(lease: Lease | bigint | undefined): bigint {
  if (lease === undefined) return 0n;
  return typeof lease === 'bigint' ? lease : lease.id;
}

function expectation(key: string, expected: Expected): Compare {
  const equal = compareResults.equal;
  if (expected === 'absent')
    return Compare.create({ key, result: equal, target: compareTargets.version, version: 0 });
  if ('version' in expected)
    return Compare.create({ key, result: equal, target: compareTargets.version, version: expected.version });
  if ('modRevision' in expected) {
    const { modRevision } = expected;
    return Compare.create({ key, result: equal, target: compareTargets.mod, modRevision });
  }
  return Compare.create({
    key,
    result: equal,
    target: compareTargets.value,
    value: bytesOf(expected.value),
  });
}
