import { assert } from '../../base/assert.ts';
import { passMap, type StateForm } from '../../base/capture.ts';
import { bytesPerKib } from '../../base/units.ts';
import { refused } from '../../base/refusal.ts';
import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type KeyValue } from '../api/kv.ts';
import {
  NamespaceLimits,
  type NamespacePutRequest,
  type NamespaceRemoveRequest,
  type NamespaceStatus,
} from '../api/namespace.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { type KeyAccounts } from '../mvcc/key-accounts.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { decodeRecord } from '../mvcc/record.ts';
import { namespacesMax, notFound } from './check.ts';
import { namespaceKey, namespaceLeaseKey, namespaceLeaseTable, namespaceTable } from './keys.ts';
import { decodeNamespace, encodeNamespace, Namespace } from './namespace.ts';
import { Prefixes, rangeOfPrefix } from './prefixes.ts';
import { type NamespaceTurn } from './protocol.ts';

/** Work of one turn, at most, but for one record that is larger: applying it holds up everything else. */
const turnMax = { rows: 1_000, bytes: 256 * bytesPerKib };

/**
 * The namespaces, as entries of the log have made them, and what is in each: part of the replicated state, the same on every
 * member at the same applied index. Definitions and sums are in memory, as rows of `namespace` are in the store. How many keys
 * a lease has in a namespace is in the store alone (`namespaceLease`), with what is not written yet kept here.
 *
 * Keys that a namespace finds at its birth are counted in turns, in the order of keys, by entries that the leader proposes
 * (`NamespaceTurns`); what changes behind the place that has been reached is left to its turn. A few are counted at once.
 */
export class Namespaces implements KeyAccounts {
  readonly #mvcc: Mvcc;
  readonly #store: StorageBackend;
  readonly #turnMax: typeof turnMax;
  /** Those that are removed and not cleared away among them. */
  readonly #byId = new Map<number, Namespace>();
  readonly #byName = new Map<string, Namespace>();
  readonly #prefixes = new Prefixes();
  /** Requests refused for it since the process started; not replicated. */
  readonly #refusals = new Map<number, number>();
  /** Those that turns are needed for. */
  readonly #unfinished = new Set<number>();
  #version = 0;
  /** Whose rows are not written yet, gone ones too. */
  #changed = new Set<number>();
  /** Rows of `namespaceLease` that are not written yet; 0: to be deleted. */
  #leaseKeys = new Map<string, number>();

  constructor(mvcc: Mvcc, bounds: typeof turnMax = turnMax) {
    this.#mvcc = mvcc;
    this.#turnMax = bounds;
    this.#store = mvcc.store;
    this.reload();
    mvcc.accountTo(this);
  }

  /** Takes everything from the store: at start, and after it was replaced by a snapshot. */
  reload(): void {
    this.#byId.clear();
    this.#byName.clear();
    this.#unfinished.clear();
    this.#changed = new Set();
    this.#leaseKeys = new Map();
    for (const [, row] of this.#store.range(namespaceTable, { from: '' })) {
      const namespace = decodeNamespace(row);
      this.#byId.set(namespace.id, namespace);
      if (!namespace.removed) this.#byName.set(namespace.name, namespace);
      if (namespace.removed || namespace.countedTo !== undefined) this.#unfinished.add(namespace.id);
    }
    this.#moved();
  }

  /** There is none. */
  get isEmpty(): boolean {
    return this.#prefixes.isEmpty;
  }

  /** Rises whenever there may be others, or other limits, in this life of the member; no part of what is replicated. */
  get version(): number {
    return this.#version;
  }

  /** In the order of their names. */
  all(): readonly Namespace[] {
    return [...this.#byName.values()].sort(byName);
  }

  named(name: string): Namespace | undefined {
    return this.#byName.get(name);
  }

  /** The one that the key belongs to. */
  find(key: string): Namespace | undefined {
    return this.#prefixes.find(key);
  }

  /** The one that every key of the range belongs to. */
  holding(range: KeyRange): Namespace | undefined {
    return this.#prefixes.holding(range);
  }

  /** Keys of the lease in the namespace, as far as they are counted. */
  keysOfLease({ id }: Namespace, lease: bigint): number {
    const key = namespaceLeaseKey(id, lease);
    const changed = this.#leaseKeys.get(key);
    if (changed !== undefined) return changed;
    const row = this.#store.get(namespaceLeaseTable, key);
    return row === undefined ? 0 : new WireReader(row).varint();
  }

  refusalsOf({ id }: Namespace): number {
    return this.#refusals.get(id) ?? 0;
  }

  countRefusal(namespace: Namespace): void {
    this.#refusals.set(namespace.id, this.refusalsOf(namespace) + 1);
  }

  /** What must still be done in turns; undefined: nothing. */
  get nextTurn(): NamespaceTurn | undefined {
    if (this.#unfinished.size === 0) return undefined;
    let id = Infinity;
    for (const unfinished of this.#unfinished) id = Math.min(id, unfinished);
    return { id, from: this.#byId.get(id)?.countedTo ?? '' };
  }

  /** Rows of `namespaceLease` are not written yet: they must be before a removal or a turn of one. */
  get leaseKeysChanged(): boolean {
    return this.#leaseKeys.size > 0;
  }

  define({ name, prefix, limits }: NamespacePutRequest): Namespace | MemberRefusal {
    const given = limits ?? NamespaceLimits.create();
    const known = this.#byName.get(name);
    if (known !== undefined) return this.#setLimits(known, prefix, given);
    if (prefix === '') {
      const message = `etcdserver: namespace ${name} is not there yet, and needs a prefix of one byte or more`;
      return refused('INVALID_NAMESPACE', message);
    }
    const other = this.#prefixes.overlapping(prefix);
    if (other !== undefined) {
      return refused(
        'NAMESPACE_OVERLAPS',
        `etcdserver: the prefix ${JSON.stringify(prefix)} of namespace ${name} overlaps ${JSON.stringify(other.prefix)} of ` +
          `namespace ${other.name}: a key is in one namespace at most`,
      );
    }
    if (this.#byId.size >= namespacesMax) {
      const message = `etcdserver: there are ${this.#byId.size} namespaces; at most ${namespacesMax} are allowed`;
      return refused('TOO_MANY_NAMESPACES', message);
    }
    let lastId = 0;
    for (const id of this.#byId.keys()) lastId = Math.max(lastId, id);
    const namespace = new Namespace({ id: lastId + 1, name, prefix, limits: given, countedTo: prefix });
    this.#byId.set(namespace.id, namespace);
    this.#byName.set(name, namespace);
    this.#unfinished.add(namespace.id);
    this.#changed.add(namespace.id);
    this.#moved();
    this.#countTurn(namespace);
    return namespace;
  }

  /** Rows of `namespaceLease` are written when it is called. */
  remove({ name }: NamespaceRemoveRequest): MemberRefusal | undefined {
    const namespace = this.#byName.get(name);
    if (namespace === undefined) return notFound(name);
    this.#byName.delete(name);
    namespace.removed = true;
    namespace.countedTo = undefined;
    this.#unfinished.add(namespace.id);
    this.#changed.add(namespace.id);
    this.#moved();
    this.#clearTurn(namespace);
    return undefined;
  }

  /** Carries out what `nextTurn` named, unless it is done. Rows of `namespaceLease` are written when it is called. */
  turn({ id, from }: NamespaceTurn): void {
    const namespace = this.#byId.get(id);
    if (namespace === undefined) return;
    if (namespace.removed) this.#clearTurn(namespace);
    else if (namespace.countedTo === from) this.#countTurn(namespace);
  }

  put(key: string, previous: KeyValue | undefined, next: Pick<KeyValue, 'value' | 'lease'>): void {
    const namespace = this.find(key);
    if (namespace?.counts(key) !== true) return;
    this.#account(namespace, key, previous, next);
  }

  deleted(key: string, row: Uint8Array): void {
    const namespace = this.find(key);
    if (namespace?.counts(key) !== true) return;
    this.#account(namespace, key, decodeRecord(row), undefined);
  }

  /** Rows that changed since the last call. */
  takeWrites(): readonly StoreWrite[] {
    if (this.#changed.size === 0) return [];
    const writes: StoreWrite[] = [];
    for (const id of this.#changed) {
      const namespace = this.#byId.get(id);
      const value = namespace === undefined ? undefined : encodeNamespace(namespace);
      writes.push({ table: namespaceTable, key: namespaceKey(id), value });
    }
    for (const [key, count] of this.#leaseKeys) {
      writes.push({ table: namespaceLeaseTable, key, value: count === 0 ? undefined : encodeCount(count) });
    }
    this.#changed = new Set();
    this.#leaseKeys = new Map();
    return writes;
  }

  /** But for what is counted here alone, all of it is in the store. */
  passState(form: StateForm): void {
    assert(this.#changed.size === 0 && this.#leaseKeys.size === 0, 'captured when all of it is written');
    form.same('namespaces', this.#byId.size);
    passMap(form, 'refusals', this.#refusals, {
      blank: [0, 0],
      pass: (row, [id, count]) => [row.number('id', id), row.number('count', count)],
    });
  }

  #setLimits(known: Namespace, prefix: string, limits: NamespaceLimits): Namespace | MemberRefusal {
    if (prefix !== '' && prefix !== known.prefix) {
      return refused(
        'NAMESPACE_EXISTS',
        `etcdserver: namespace ${known.name} is there, with the prefix ${JSON.stringify(known.prefix)}: a prefix does not ` +
          'change; remove the namespace and define it anew',
      );
    }
    known.limits = limits;
    this.#version += 1;
    this.#changed.add(known.id);
    return known;
  }

  #moved(): void {
    this.#prefixes.set(this.#byName.values());
    this.#version += 1;
  }

  /** Either side may be missing: the key was not there, or is no more. */
  #account(
    namespace: Namespace,
    key: string,
    previous: Pick<KeyValue, 'value' | 'lease'> | undefined,
    next: Pick<KeyValue, 'value' | 'lease'> | undefined,
  ): void {
    if (previous !== undefined) {
      namespace.keys -= 1;
      namespace.bytes -= key.length + previous.value.length;
    }
    if (next !== undefined) {
      namespace.keys += 1;
      namespace.bytes += key.length + next.value.length;
    }
    assert(namespace.keys >= 0 && namespace.bytes >= 0, 'a namespace loses what it had');
    const from = previous?.lease ?? 0n;
    const to = next?.lease ?? 0n;
    if (from !== to) {
      this.#attach(namespace, from, -1);
      this.#attach(namespace, to, 1);
    }
    this.#changed.add(namespace.id);
  }

  #attach(namespace: Namespace, lease: bigint, change: 1 | -1): void {
    if (lease === 0n) return;
    const before = this.keysOfLease(namespace, lease);
    const after = before + change;
    assert(after >= 0, 'a lease loses a key that it had');
    if (before === 0) namespace.leases += 1;
    if (after === 0) namespace.leases -= 1;
    this.#leaseKeys.set(namespaceLeaseKey(namespace.id, lease), after);
  }

  #countTurn(namespace: Namespace): void {
    const { countedTo, prefix } = namespace;
    assert(countedTo !== undefined, 'there is something left to count');
    let rows = 0;
    let bytes = 0;
    let next: string | undefined;
    for (const [key, row] of this.#mvcc.rows({ ...rangeOfPrefix(prefix), from: countedTo }, false)) {
      if (rows >= this.#turnMax.rows || bytes >= this.#turnMax.bytes) {
        next = key;
        break;
      }
      rows += 1;
      bytes += row.length;
      this.#account(namespace, key, undefined, decodeRecord(row));
    }
    namespace.countedTo = next;
    if (next === undefined) this.#unfinished.delete(namespace.id);
    this.#changed.add(namespace.id);
  }

  #clearTurn(namespace: Namespace): void {
    assert(!this.leaseKeysChanged, 'what is cleared away is written');
    const { id } = namespace;
    const range = { from: namespaceKey(id), to: namespaceKey(id + 1), limit: this.#turnMax.rows };
    for (const [key] of this.#store.range(namespaceLeaseTable, range)) this.#leaseKeys.set(key, 0);
    this.#changed.add(id);
    if (this.#leaseKeys.size >= this.#turnMax.rows) return;
    this.#byId.delete(id);
    this.#unfinished.delete(id);
    this.#refusals.delete(id);
  }
}

/** @param watches that are open here */
export function statusOf(namespace: Namespace, watches: number): NamespaceStatus {
  const { name, prefix, limits, bytes, keys, leases, countedTo } = namespace;
  return { name, prefix, limits, usage: { bytes, keys, leases, watches }, counting: countedTo !== undefined };
}

function byName(left: Namespace, right: Namespace): number {
  return left.name < right.name ? -1 : left.name > right.name ? 1 : 0;
}

const writer = new WireWriter();

function encodeCount(count: number): Uint8Array {
  writer.reset();
  writer.varint(count);
  return writer.finish();
}
