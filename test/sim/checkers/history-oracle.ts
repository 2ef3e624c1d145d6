import { bytesFromLatin1 } from '../../../core/base/bytes.ts';
import { between, type Prng } from '../../../core/base/prng.ts';
import {
  Compare,
  compareTargets,
  DeleteRangeRequest,
  DeleteRangeResponse,
  KeyValue,
  PutRequest,
  PutResponse,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  ResponseHeader,
  type ResponseOp,
} from '../../../core/chainfire/api/kv.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { Truth } from '../../../sim/checkers/truth.ts';
import { type Operation } from '../../../sim/types.ts';

export const noOp: RequestOp = {
  requestRange: undefined,
  requestPut: undefined,
  requestDeleteRange: undefined,
  requestTxn: undefined,
};
export const noResponse: ResponseOp = {
  responseRange: undefined,
  responsePut: undefined,
  responseDeleteRange: undefined,
  responseTxn: undefined,
};

/** A store that does one thing after another: what honest histories are made with. Only what the generator asks. */
export class SequentialStore {
  readonly #rows = new Map<string, KeyValue>();
  #changes: KeyValue[] = [];
  revision = 1;

  /** What was changed since the last call. */
  takeChanges(): KeyValue[] {
    const changes = this.#changes;
    this.#changes = [];
    return changes;
  }

  execute(request: MemberRequest): MemberResponse {
    switch (request.kind) {
      case 'put': {
        this.revision += 1;
        return { kind: 'put', response: { ...this.#put(request.request), header: this.header() } };
      }
      case 'deleteRange': {
        const found = this.#rowsIn(request.request.key, request.request.rangeEnd);
        if (found.length > 0) this.revision += 1;
        return { kind: 'deleteRange', response: { ...this.#delete(request.request), header: this.header() } };
      }
      case 'range':
        return { kind: 'range', response: { ...this.#range(request.request), header: this.header() } };
      case 'txn': {
        const { compare, success, failure } = request.request;
        const succeeded = compare.every(
          (one) => (this.#rows.get(one.key)?.modRevision ?? 0) === (one.modRevision ?? 0),
        );
        const branch = succeeded ? success : failure;
        const writes = branch.some(
          (op) =>
            op.requestPut !== undefined ||
            (op.requestDeleteRange && this.#rows.has(op.requestDeleteRange.key)),
        );
        if (writes) this.revision += 1;
        const responses = branch.map((op): ResponseOp => {
          if (op.requestPut !== undefined) return { ...noResponse, responsePut: this.#put(op.requestPut) };
          if (op.requestRange !== undefined)
            return { ...noResponse, responseRange: this.#range(op.requestRange) };
          if (op.requestDeleteRange === undefined) return noResponse;
          return { ...noResponse, responseDeleteRange: this.#delete(op.requestDeleteRange) };
        });
        return { kind: 'txn', response: { header: this.header(), succeeded, responses } };
      }
      default:
        throw new Error(`the generator does not ask for ${request.kind}`);
    }
  }

  header(): ResponseHeader {
    return ResponseHeader.create({ revision: this.revision });
  }

  #put(request: PutRequest): PutResponse {
    const before = this.#rows.get(request.key);
    const row = KeyValue.create({
      key: request.key,
      value: request.value,
      createRevision: before?.createRevision ?? this.revision,
      modRevision: this.revision,
      version: (before?.version ?? 0) + 1,
    });
    this.#rows.set(request.key, row);
    this.#changes.push(row);
    return PutResponse.create(request.prevKv ? { prevKv: before } : {});
  }

  #delete(request: DeleteRangeRequest): DeleteRangeResponse {
    const found = this.#rowsIn(request.key, request.rangeEnd);
    for (const { key } of found) {
      this.#rows.delete(key);
      this.#changes.push(KeyValue.create({ key, modRevision: this.revision }));
    }
    return DeleteRangeResponse.create({ deleted: found.length, prevKvs: request.prevKv ? found : [] });
  }

  #range(request: RangeRequest): RangeResponse {
    const found = this.#rowsIn(request.key, request.rangeEnd);
    const kvs = request.limit > 0 ? found.slice(0, request.limit) : found;
    return RangeResponse.create({ kvs, count: found.length, more: kvs.length < found.length });
  }

  #rowsIn(key: string, rangeEnd: string): KeyValue[] {
    return [...this.#rows.values()]
      .filter((row) => (rangeEnd === '' ? row.key === key : row.key >= key && row.key < rangeEnd))
      .sort((left, right) => (left.key < right.key ? -1 : 1));
  }
}

/**
 * A history of clients that run at the same time against a sequential store: each operation takes effect at an instant
 * between its start and its end; some never hear of it, and of those some never take effect.
 */
export function honestHistory(prng: Prng, options: HistoryOptions): Operation[] {
  return honestRun(prng, options).history;
}

export interface HistoryOptions {
  readonly operations: number;
  readonly clients: number;
  readonly keys: number;
  readonly unknownPercent: number;
}

/** The same with what the store did. */
export function honestRun(prng: Prng, options: HistoryOptions): { history: Operation[]; truth: Truth } {
  interface Pending {
    operation: Operation;
    effectUs: number;
    lost: boolean;
  }
  const pending: Pending[] = [];
  const freeAtUs = Array.from({ length: options.clients }, () => 0);
  for (let callId = 1; callId <= options.operations; callId += 1) {
    const client = callId % options.clients;
    const startUs = (freeAtUs[client] ?? 0) + between(prng, 1, 3_000);
    const endUs = startUs + between(prng, 10, 5_000);
    freeAtUs[client] = endUs;
    const unknown = prng.chance(options.unknownPercent, 100);
    const request = drawRequest(prng, client, callId, options.keys);
    const outcome = { kind: 'unknown', reason: 'lost' } as const;
    pending.push({
      operation: { client, callId, request, startUs, endUs: unknown ? undefined : endUs, outcome },
      effectUs: unknown ? startUs + between(prng, 0, 40_000) : between(prng, startUs, endUs),
      lost: unknown && prng.chance(1, 3),
    });
  }
  const store = new SequentialStore();
  const truth = new Truth(store.revision);
  for (const call of pending
    .filter((one) => !one.lost)
    .sort((left, right) => left.effectUs - right.effectUs)) {
    const response = store.execute(call.operation.request);
    const rows = store.takeChanges();
    if (rows.length > 0) truth.add({ revision: store.revision, atUs: call.effectUs, rows });
    if (call.operation.endUs === undefined || response.kind === 'refused') continue;
    call.operation = { ...call.operation, outcome: { kind: 'answered', response } };
  }
  const history = pending.map((call) => call.operation).sort((left, right) => left.startUs - right.startUs);
  return { history, truth };
}

function drawRequest(prng: Prng, client: number, callId: number, keys: number): MemberRequest {
  const key = keyOf(prng.below(keys));
  const value = bytesFromLatin1(`${client}:${callId}`);
  const put = PutRequest.create({ key, value, prevKv: prng.chance(1, 3) });
  switch (prng.below(11)) {
    case 0:
    case 1:
    case 2:
      return { kind: 'put', request: put };
    case 3:
      return { kind: 'deleteRange', request: DeleteRangeRequest.create({ key, prevKv: prng.chance(1, 2) }) };
    case 4: {
      const compare = [
        Compare.create({
          key,
          target: compareTargets.mod,
          modRevision: prng.chance(1, 2) ? 0 : prng.below(callId),
        }),
      ];
      const failure = [{ ...noOp, requestRange: RangeRequest.create({ key }) }];
      return { kind: 'txn', request: { compare, success: [{ ...noOp, requestPut: put }], failure } };
    }
    case 5: {
      const other = keyOf((keys + prng.below(keys) + 1) % keys);
      const success: RequestOp[] = [{ ...noOp, requestPut: put }];
      if (other !== key)
        success.push({
          ...noOp,
          requestDeleteRange: DeleteRangeRequest.create({ key: other, prevKv: true }),
        });
      success.push({ ...noOp, requestRange: RangeRequest.create({ key: 'k', rangeEnd: 'l' }) });
      return { kind: 'txn', request: { compare: [], success, failure: [] } };
    }
    case 6:
      return { kind: 'range', request: RangeRequest.create({ key: 'k', rangeEnd: 'l' }) };
    case 7: {
      // What it writes depends on a key that it does not write: where nobody heard its answer, that is hard to tell.
      const other = keyOf(prng.below(keys));
      const modRevision = prng.chance(2, 3) ? 0 : prng.below(callId);
      const compare = [Compare.create({ key: other, target: compareTargets.mod, modRevision })];
      const elsewhere = DeleteRangeRequest.create({ key: keyOf((keys + prng.below(keys) + 1) % keys) });
      const failure = [{ ...noOp, requestDeleteRange: elsewhere }];
      return { kind: 'txn', request: { compare, success: [{ ...noOp, requestPut: put }], failure } };
    }
    default:
      return { kind: 'range', request: RangeRequest.create({ key }) };
  }
}

function keyOf(n: number): string {
  return `k${String(n).padStart(2, '0')}`;
}
