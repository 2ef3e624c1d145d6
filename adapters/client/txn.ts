import {
  Compare,
  compareResults,
  compareTargets,
  DeleteRangeRequest,
  PutRequest,
  RangeRequest,
  RequestOp,
  type ResponseOp,
  TxnRequest,
} from '../../core/chainfire/api/kv.ts';
import { prefixRange } from './ranges.ts';
import { type Bytes, bytesOf, keyOf } from './bytes.ts';
import { type Caller, type Deadline } from './calls.ts';
import { type Entry, entryOf } from './entry.ts';

export type Operator = '=' | '!=' | '>' | '<';

const results: Readonly<Record<Operator, number>> = {
  '=': compareResults.equal,
  '!=': compareResults.notEqual,
  '>': compareResults.greater,
  '<': compareResults.less,
};

/** What a transaction may ask of a key. A key that does not exist has version and revisions 0 and lease 0n. */
export const compare = {
  version: (key: Bytes, operator: Operator, version: number): Compare =>
    compareWith(key, operator, { target: compareTargets.version, version }),
  createRevision: (key: Bytes, operator: Operator, createRevision: number): Compare =>
    compareWith(key, operator, { target: compareTargets.create, createRevision }),
  modRevision: (key: Bytes, operator: Operator, modRevision: number): Compare =>
    compareWith(key, operator, { target: compareTargets.mod, modRevision }),
  /** Never holds for a key that does not exist. */
  value: (key: Bytes, operator: Operator, value: Bytes): Compare =>
    compareWith(key, operator, { target: compareTargets.value, value: bytesOf(value) }),
  lease: (key: Bytes, operator: Operator, lease: bigint): Compare =>
    compareWith(key, operator, { target: compareTargets.lease, lease }),
  exists: (key: Bytes): Compare => compare.version(key, '>', 0),
  absent: (key: Bytes): Compare => compare.version(key, '=', 0),
} as const;

/** What a transaction may do. Reads see what the operations before them in the same transaction have written. */
export const operation = {
  put: (key: Bytes, value: Bytes, options: { lease?: bigint; previous?: boolean } = {}): RequestOp =>
    RequestOp.create({
      requestPut: PutRequest.create({
        key: keyOf(key),
        value: bytesOf(value),
        lease: options.lease ?? 0n,
        prevKv: options.previous === true,
      }),
    }),
  get: (key: Bytes): RequestOp =>
    RequestOp.create({ requestRange: RangeRequest.create({ key: keyOf(key) }) }),
  /** Every key that begins with `prefix`, in one answer: for few. */
  prefix: (prefix: Bytes, options: { limit?: number } = {}): RequestOp =>
    RequestOp.create({
      requestRange: RangeRequest.create({ ...prefixRange(prefix), limit: options.limit ?? 0 }),
    }),
  delete: (key: Bytes, options: { previous?: boolean } = {}): RequestOp =>
    RequestOp.create({
      requestDeleteRange: DeleteRangeRequest.create({ key: keyOf(key), prevKv: options.previous === true }),
    }),
  deletePrefix: (prefix: Bytes, options: { previous?: boolean } = {}): RequestOp =>
    RequestOp.create({
      requestDeleteRange: DeleteRangeRequest.create({
        ...prefixRange(prefix),
        prevKv: options.previous === true,
      }),
    }),
} as const;

/** What an operation of a transaction answers. `previous` is filled when it was asked for. */
export type OperationResult =
  | { readonly kind: 'put'; readonly previous: Entry | undefined }
  | {
      readonly kind: 'get';
      readonly entries: readonly Entry[];
      readonly more: boolean;
      readonly count: number;
    }
  | { readonly kind: 'delete'; readonly deleted: number; readonly previous: readonly Entry[] }
  | { readonly kind: 'txn'; readonly succeeded: boolean; readonly results: readonly OperationResult[] };

export interface TxnOutcome {
  /** Every compare held, and `do` was done; else `otherwise` was. */
  readonly succeeded: boolean;
  readonly revision: number;
  readonly results: readonly OperationResult[];
}

/** Builds one transaction: if all compares hold, one list of operations, else the other, at one revision. */
export class TxnBuilder {
  readonly #caller: Caller;
  readonly #compares: Compare[] = [];
  readonly #do: RequestOp[] = [];
  readonly #otherwise: RequestOp[] = [];

  constructor(caller: Caller) {
    this.#caller = caller;
  }

  when(...compares: readonly Compare[]): this {
    this.#compares.push(...compares);
    return this;
  }

  do(...operations: readonly RequestOp[]): this {
    this.#do.push(...operations);
    return this;
  }

  otherwise(...operations: readonly RequestOp[]): this {
    this.#otherwise.push(...operations);
    return this;
  }

  /** @throws ChainfireError; `unknown` means that it was done as a whole, or not at all, or may yet be */
  async commit(deadline: Deadline = {}): Promise<TxnOutcome> {
    const request = TxnRequest.create({
      compare: this.#compares,
      success: this.#do,
      failure: this.#otherwise,
    });
    const response = await this.#caller.ask({ kind: 'txn', request }, deadline);
    return {
      succeeded: response.succeeded,
      revision: response.header?.revision ?? 0,
      results: response.responses.map(resultOf),
    };
  }
}

function resultOf(response: ResponseOp): OperationResult {
  const { responsePut, responseRange, responseDeleteRange, responseTxn } = response;
  if (responsePut !== undefined) return { kind: 'put', previous: entryOf(responsePut.prevKv) };
  if (responseRange !== undefined) {
    const { kvs, more, count } = responseRange;
    return { kind: 'get', entries: kvs.flatMap((found) => entryOf(found) ?? []), more, count };
  }
  if (responseTxn !== undefined) {
    const { succeeded, responses } = responseTxn;
    return { kind: 'txn', succeeded, results: responses.map(resultOf) };
  }
  const previous = responseDeleteRange?.prevKvs.flatMap((found) => entryOf(found) ?? []) ?? [];
  return { kind: 'delete', deleted: responseDeleteRange?.deleted ?? 0, previous };
}

function compareWith(key: Bytes, operator: Operator, operand: Partial<Compare>): Compare {
  return Compare.create({ key: keyOf(key), result: results[operator], ...operand });
}
