import {
  compareResults,
  compareTargets,
  KeyValue,
  PutRequest,
  RangeRequest,
  type RequestOp,
  TxnRequest,
} from '../../../core/chainfire/api/kv.ts';
import { Compare } from '../../../core/chainfire/api/kv.ts';

/** What is measured: one call, the same bytes every time, since the load generator sends a body as it is. */
export interface Operation {
  readonly name: string;
  /** `Service/Method`. */
  readonly path: string;
  /** gRPC's name of the method, in metrics. */
  readonly method: 'Put' | 'Range' | 'Txn';
  readonly request: Uint8Array;
  /** Revisions that a call adds. */
  readonly revisions: 0 | 1;
}

export const valueBytes = 256;
export const value = new Uint8Array(valueBytes).map((_, at) => (at * 31 + 7) & 0xff);

export function keyAt(position: number): string {
  return `bench/${String(position).padStart(8, '0')}`;
}

const key = keyAt(4_711);
const put = PutRequest.create({ key, value });
export const noOperation: RequestOp = {
  requestRange: undefined,
  requestPut: undefined,
  requestDeleteRange: undefined,
  requestTxn: undefined,
};

export const operations = {
  put: {
    name: 'put',
    path: 'etcdserverpb.KV/Put',
    method: 'Put',
    request: PutRequest.encode(put),
    revisions: 1,
  },
  get: {
    name: 'linearizable get',
    path: 'etcdserverpb.KV/Range',
    method: 'Range',
    request: RangeRequest.encode(RangeRequest.create({ key })),
    revisions: 0,
  },
  serializableGet: {
    name: 'serializable get',
    path: 'etcdserverpb.KV/Range',
    method: 'Range',
    request: RangeRequest.encode(RangeRequest.create({ key, serializable: true })),
    revisions: 0,
  },
  cas: {
    name: 'CAS',
    path: 'etcdserverpb.KV/Txn',
    method: 'Txn',
    request: TxnRequest.encode(
      TxnRequest.create({
        compare: [
          Compare.create({
            key,
            result: compareResults.greater,
            target: compareTargets.version,
            version: 0,
          }),
        ],
        success: [{ ...noOperation, requestPut: put }],
      }),
    ),
    revisions: 1,
  },
} as const satisfies Readonly<Record<string, Operation>>;

/** Puts of consecutive keys in one transaction. */
export function loadRequest(from: number, count: number): TxnRequest {
  return TxnRequest.create({
    success: Array.from({ length: count }, (_, at) => ({
      ...noOperation,
      requestPut: PutRequest.create({ key: keyAt(from + at), value }),
    })),
  });
}

/** What `Range` answers with for the measured key, about; for the echo. */
export const exampleKeyValue = KeyValue.create({
  key,
  createRevision: 4_713,
  modRevision: 123_456,
  version: 20_000,
  value,
});

/** gRPC's frame around a message. */
export function framed(message: Uint8Array): Uint8Array {
  const frame = new Uint8Array(5 + message.length);
  new DataView(frame.buffer).setUint32(1, message.length);
  frame.set(message, 5);
  return frame;
}
