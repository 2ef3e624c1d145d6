import { compareBytes, compareKeys, noBytes } from '../../../../core/base/bytes.ts';
import {
  type Compare,
  type DeleteRangeRequest,
  type KeyValue,
  type PutRequest,
  type RangeRequest,
  type RangeResponse,
  type ResponseOp,
  type TxnRequest,
  type TxnResponse,
} from '../../../../core/chainfire/api/kv.ts';

type Keys = ReadonlyMap<string, KeyValue>;

/**
 * What MVCC means, in as few words as possible: all the keys, for every revision there ever was. Slow, wasteful, and plain
 * enough to be believed.
 */
export class Model {
  readonly revisions: Keys[] = [new Map(), new Map()];
  compactRevision = 0;

  get revision(): number {
    return this.revisions.length - 1;
  }

  get now(): Keys {
    return this.revisions[this.revision] as Keys;
  }

  /** A transaction of one operation is the operation. */
  txn(request: TxnRequest): TxnResponse | string {
    const path = this.#path(request);
    const refusal = this.#check(request, [...path]);
    if (refusal !== undefined) return refusal;
    const keys = new Map(this.now);
    const changes = { count: 0 };
    const responses = this.#run(request, [...path], keys, changes);
    if (changes.count > 0) this.revisions.push(keys);
    return { header: header(this.revision), succeeded: path[0] as boolean, responses };
  }

  range(request: RangeRequest): RangeResponse | string {
    return (
      this.#refuse(request) ??
      select(this.revisions[request.revision || this.revision] as Keys, request, this.revision)
    );
  }

  compact(revision: number): string | undefined {
    if (revision <= this.compactRevision) return 'COMPACTED';
    if (revision > this.revision) return 'FUTURE_REVISION';
    this.compactRevision = revision;
    return undefined;
  }

  /** Changes at or above the compacted revision, tombstones too, and what is still visible there from before. */
  get keptRecords(): number {
    let kept = 0;
    for (let revision = 1; revision <= this.revision; revision += 1) {
      const before = this.revisions[revision - 1] as Keys;
      const after = this.revisions[revision] as Keys;
      for (const key of new Set([...before.keys(), ...after.keys()])) {
        if (before.get(key) === after.get(key)) continue;
        const visible = (this.revisions[this.compactRevision] as Keys).get(key);
        if (revision >= this.compactRevision || (visible !== undefined && visible === after.get(key)))
          kept += 1;
      }
    }
    return kept;
  }

  /** Depth-first over the branches taken. */
  #path(request: TxnRequest): boolean[] {
    const succeeded = request.compare.every((compare) => holds(this.now, compare));
    const taken = succeeded ? request.success : request.failure;
    return [
      succeeded,
      ...taken.flatMap(({ requestTxn }) => (requestTxn === undefined ? [] : this.#path(requestTxn))),
    ];
  }

  #check(request: TxnRequest, path: boolean[]): string | undefined {
    for (const { requestRange, requestPut, requestTxn } of path.shift() === true
      ? request.success
      : request.failure) {
      let refusal: string | undefined;
      if (requestRange !== undefined) refusal = this.#refuse(requestRange);
      if (requestPut !== undefined && requestPut.lease !== 0n) refusal = 'LEASE_NOT_FOUND';
      else if (requestPut !== undefined && (requestPut.ignoreValue || requestPut.ignoreLease)) {
        refusal = this.now.has(requestPut.key) ? undefined : 'KEY_NOT_FOUND';
      }
      if (requestTxn !== undefined) refusal = this.#check(requestTxn, path);
      if (refusal !== undefined) return refusal;
    }
    return undefined;
  }

  #run(
    request: TxnRequest,
    path: boolean[],
    keys: Map<string, KeyValue>,
    changes: { count: number },
  ): ResponseOp[] {
    return (path.shift() === true ? request.success : request.failure).map((operation) => {
      const { requestRange, requestPut, requestDeleteRange, requestTxn } = operation;
      const seen = (): number => this.revision + (changes.count > 0 ? 1 : 0);
      const succeeded = path[0] as boolean;
      return {
        responseRange:
          requestRange &&
          select(
            requestRange.revision === 0 ? keys : (this.revisions[requestRange.revision] as Keys),
            requestRange,
            seen(),
          ),
        responsePut: requestPut && this.#put(requestPut, keys, changes),
        responseDeleteRange: requestDeleteRange && this.#delete(requestDeleteRange, keys, changes),
        responseTxn: requestTxn && {
          header: header(0),
          succeeded,
          responses: this.#run(requestTxn, path, keys, changes),
        },
      } as ResponseOp;
    });
  }

  #put(
    request: PutRequest,
    keys: Map<string, KeyValue>,
    changes: { count: number },
  ): ResponseOp['responsePut'] {
    const { key, prevKv } = request;
    const old = keys.get(key);
    const modRevision = this.revision + 1;
    keys.set(key, {
      key,
      createRevision: old?.createRevision ?? modRevision,
      modRevision,
      version: (old?.version ?? 0) + 1,
      value: request.ignoreValue ? (old as KeyValue).value : request.value,
      lease: request.ignoreLease ? (old as KeyValue).lease : request.lease,
    });
    changes.count += 1;
    return { header: header(modRevision), prevKv: prevKv ? old : undefined };
  }

  #delete(
    request: DeleteRangeRequest,
    keys: Map<string, KeyValue>,
    changes: { count: number },
  ): ResponseOp['responseDeleteRange'] {
    const old = [...keys.values()].filter(({ key }) => matches(key, request)).sort(byKey);
    for (const { key } of old) keys.delete(key);
    changes.count += old.length;
    const revision = this.revision + (changes.count > 0 ? 1 : 0);
    return { header: header(revision), deleted: old.length, prevKvs: request.prevKv ? old : [] };
  }

  #refuse({ revision }: RangeRequest): string | undefined {
    if (revision === 0) return undefined;
    if (revision > this.revision) return 'FUTURE_REVISION';
    return revision < this.compactRevision ? 'COMPACTED' : undefined;
  }
}

const byKey = (left: KeyValue, right: KeyValue): number => compareKeys(left.key, right.key);
const header = (revision: number): NonNullable<RangeResponse['header']> => ({
  clusterId: 0n,
  memberId: 0n,
  revision,
  raftTerm: 0,
});

function matches(key: string, { key: from, rangeEnd }: { key: string; rangeEnd: string }): boolean {
  if (rangeEnd === '') return key === from;
  return key >= from && (rangeEnd === '\x00' || key < rangeEnd);
}

const targets: ((left: KeyValue, right: KeyValue) => number)[] = [
  byKey,
  (left, right) => left.version - right.version,
  (left, right) => left.createRevision - right.createRevision,
  (left, right) => left.modRevision - right.modRevision,
  (left, right) => compareBytes(left.value, right.value),
];

function select(keys: Keys, request: RangeRequest, revision: number): RangeResponse {
  const matching = [...keys.values()].filter(({ key }) => matches(key, request)).sort(byKey);
  const count = matching.length;
  if (request.countOnly) return { header: header(revision), kvs: [], more: false, count };
  const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = request;
  const filtered = matching.filter(
    ({ modRevision, createRevision }) =>
      modRevision >= minModRevision &&
      modRevision <= (maxModRevision || Infinity) &&
      createRevision >= minCreateRevision &&
      createRevision <= (maxCreateRevision || Infinity),
  );
  const sign = request.sortOrder === 2 ? -1 : 1;
  const by = targets[request.sortTarget] as (left: KeyValue, right: KeyValue) => number;
  const limit = request.limit || Infinity;
  // Without an order, etcd reads no more of them than the limit and one, and sorts those.
  const isCutFirst =
    request.sortOrder === 0 && !(minModRevision || maxModRevision || minCreateRevision || maxCreateRevision);
  const read = isCutFirst ? filtered.slice(0, limit + 1) : filtered;
  const sorted = read.sort((left, right) => sign * by(left, right));
  const kvs = sorted.slice(0, limit).map((kv) => (request.keysOnly ? { ...kv, value: noBytes } : kv));
  return { header: header(revision), kvs, more: sorted.length > limit, count };
}

function holds(keys: Keys, compare: Compare): boolean {
  const matching = [...keys.values()].filter(({ key }) => matches(key, compare));
  const absent = { key: '', createRevision: 0, modRevision: 0, version: 0, value: noBytes, lease: 0n };
  if (matching.length === 0 && compare.target === 3) return false;
  return (matching.length === 0 ? [absent] : matching).every((kv) => {
    const order = [
      kv.version - (compare.version ?? 0),
      kv.createRevision - (compare.createRevision ?? 0),
      kv.modRevision - (compare.modRevision ?? 0),
      compareBytes(kv.value, compare.value ?? noBytes),
      Number(kv.lease - (compare.lease ?? 0n)),
    ][compare.target] as number;
    return [order === 0, order > 0, order < 0, order !== 0][compare.result] as boolean;
  });
}
