import { refused } from '../../base/refusal.ts';
import { type KeyValue, type PutRequest, type RequestOp, type TxnRequest } from '../api/kv.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { keyRange, type KeyRange } from '../mvcc/key-range.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { decodeRecord } from '../mvcc/record.ts';
import { type TxnPath } from '../txn/compare.ts';
import { KeySet } from '../txn/key-set.ts';
import { type Measure, measures, type Namespace } from './namespace.ts';
import { type Namespaces } from './namespaces.ts';
import { rangeOfPrefix } from './prefixes.ts';

/** What a request would add to a namespace. */
interface Growth {
  bytes: number;
  keys: number;
  /** Of each lease that it touches: keys more, or fewer. */
  readonly leaseKeys: Map<bigint, number>;
}

type Side = Pick<KeyValue, 'value' | 'lease'> | undefined;

/**
 * Judges writes by the limits of namespaces, where they are applied, before anything of them is done.
 *
 * A request is judged as a whole, by the difference that it makes: refused if some measure of a namespace would grow, and be
 * above its limit then. So whatever adds nothing goes on even where a limit was set below what there is, and a transaction
 * that makes room for what it puts is one that fits. While keys are being counted the sums are less than there is: what is
 * refused by them is rightly refused, and the limit of leases, of which that is not so, waits until they are whole.
 */
export class WriteQuota {
  readonly #mvcc: Mvcc;
  readonly #namespaces: Namespaces;

  constructor(mvcc: Mvcc, namespaces: Namespaces) {
    this.#mvcc = mvcc;
    this.#namespaces = namespaces;
  }

  put(request: PutRequest): MemberRefusal | undefined {
    if (this.#namespaces.isEmpty) return undefined;
    const growth = new Map<Namespace, Growth>();
    this.#addPut(growth, request);
    return this.#refuse(growth);
  }

  /** @param path the branches that it takes */
  txn(request: TxnRequest, path: TxnPath): MemberRefusal | undefined {
    if (this.#namespaces.isEmpty) return undefined;
    const growth = new Map<Namespace, Growth>();
    const deletes: KeyRange[] = [];
    this.#addPuts(growth, deletes, request, path);
    if (growth.size === 0) return undefined;
    if (deletes.length > 0 && this.#excess(growth) !== undefined) this.#addDeletes(growth, deletes);
    return this.#refuse(growth);
  }

  #addPuts(growth: Map<Namespace, Growth>, deletes: KeyRange[], txn: TxnRequest, path: TxnPath): void {
    let nested = 0;
    const operations: readonly RequestOp[] = path.succeeded ? txn.success : txn.failure;
    for (const { requestPut, requestDeleteRange, requestTxn } of operations) {
      if (requestPut !== undefined) this.#addPut(growth, requestPut);
      if (requestDeleteRange !== undefined) {
        deletes.push(keyRange(requestDeleteRange.key, requestDeleteRange.rangeEnd));
      }
      if (requestTxn === undefined) continue;
      this.#addPuts(growth, deletes, requestTxn, path.nested[nested] as TxnPath);
      nested += 1;
    }
  }

  #addPut(growth: Map<Namespace, Growth>, request: PutRequest): void {
    const { key, ignoreValue, ignoreLease } = request;
    const namespace = this.#namespaces.find(key);
    if (namespace === undefined) return;
    const previous = this.#mvcc.get(key);
    const value = ignoreValue ? (previous?.value ?? request.value) : request.value;
    const lease = ignoreLease ? (previous?.lease ?? 0n) : request.lease;
    add(growthOf(growth, namespace), key, previous, { value, lease });
  }

  /** What the request deletes in namespaces that it puts into. Ranges may overlap: a key goes once. */
  #addDeletes(growth: ReadonlyMap<Namespace, Growth>, deletes: readonly KeyRange[]): void {
    const { ranges } = new KeySet(deletes);
    for (const [namespace, grown] of growth) {
      const own = rangeOfPrefix(namespace.prefix);
      for (const { from, to } of ranges) {
        const common = { from: from > own.from ? from : own.from, to: lesser(to, own.to), single: false };
        for (const [key, row] of this.#mvcc.rows(common, false)) {
          add(grown, key, decodeRecord(row), undefined);
        }
      }
    }
  }

  #refuse(growth: ReadonlyMap<Namespace, Growth>): MemberRefusal | undefined {
    const excess = this.#excess(growth);
    if (excess === undefined) return undefined;
    const { namespace, measure, added } = excess;
    this.#namespaces.countRefusal(namespace);
    return quotaExceeded(namespace.name, measure, {
      limit: namespace.limits[measure],
      used: namespace[measure],
      added,
    });
  }

  #excess(
    growth: ReadonlyMap<Namespace, Growth>,
  ): { readonly namespace: Namespace; readonly measure: Measure; readonly added: number } | undefined {
    for (const [namespace, grown] of growth) {
      for (const measure of measures) {
        const limit = namespace.limits[measure];
        if (limit === 0) continue;
        const added = measure === 'leases' ? this.#leasesAdded(namespace, grown) : grown[measure];
        if (added > 0 && namespace[measure] + added > limit) return { namespace, measure, added };
      }
    }
    return undefined;
  }

  #leasesAdded(namespace: Namespace, { leaseKeys }: Growth): number {
    if (namespace.countedTo !== undefined) return 0;
    let added = 0;
    for (const [lease, keysAdded] of leaseKeys) {
      if (keysAdded === 0) continue;
      const before = this.#namespaces.keysOfLease(namespace, lease);
      added += Number(before + keysAdded > 0) - Number(before > 0);
    }
    return added;
  }
}

export function quotaExceeded(
  name: string,
  measure: Measure | 'watches',
  { limit, used, added }: { readonly limit: number; readonly used: number; readonly added: number },
): MemberRefusal {
  return refused(
    'NAMESPACE_QUOTA_EXCEEDED',
    `etcdserver: namespace ${name}: quota of ${measure} exceeded (limit ${limit}, used ${used}, the request adds ${added})`,
  );
}

function growthOf(growth: Map<Namespace, Growth>, namespace: Namespace): Growth {
  let known = growth.get(namespace);
  if (known === undefined) {
    known = { bytes: 0, keys: 0, leaseKeys: new Map() };
    growth.set(namespace, known);
  }
  return known;
}

function add(growth: Growth, key: string, previous: Side, next: Side): void {
  growth.keys += Number(next !== undefined) - Number(previous !== undefined);
  if (previous !== undefined) growth.bytes -= key.length + previous.value.length;
  if (next !== undefined) growth.bytes += key.length + next.value.length;
  const from = previous?.lease ?? 0n;
  const to = next?.lease ?? 0n;
  if (from === to) return;
  const { leaseKeys } = growth;
  if (from !== 0n) leaseKeys.set(from, (leaseKeys.get(from) ?? 0) - 1);
  if (to !== 0n) leaseKeys.set(to, (leaseKeys.get(to) ?? 0) + 1);
}

function lesser(left: string | undefined, right: string | undefined): string | undefined {
  if (left === undefined || right === undefined) return left ?? right;
  return left < right ? left : right;
}
