import {
  PutRequest,
  RangeRequest,
  RangeResponse,
  type RequestOp,
  sortOrders,
  sortTargets,
  TxnRequest,
  TxnResponse,
} from '../../../core/chainfire/api/kv.ts';
import { type Calls } from '../chainfire/calls.ts';
import { noOperation } from '../chainfire/requests.ts';
import { type Answered, answered } from './creates.ts';

/** Values of the rows that a create has put into the store, as they lie there. */
export interface CreateRows {
  readonly values: readonly Uint8Array[];
}

const prefix = '/photon/plasma/';
const sampleRows = 100;

/** What one create costs the store: a virtual machine, an operation, two audit records. */
export async function rowsOfCreate(calls: Calls): Promise<CreateRows> {
  const [vm, operation] = await Promise.all(['vms/', 'operations/'].map((folder) => rows(calls, folder)));
  const audit = await rows(calls, 'audit/');
  const ofKind = (what: string): Uint8Array | undefined =>
    audit.find((value) => Buffer.from(value).includes(`"what":"${what}"`));
  const values = [vm?.at(-1), operation?.at(-1), ofKind('placed'), ofKind('vmCreate')];
  if (values.some((value) => value === undefined)) throw new Error('the store has no rows of a create');
  return { values: values as Uint8Array[] };
}

/**
 * The yardstick: the same bytes put into the store by a client that decides nothing, so many creates in a transaction, so many
 * transactions at once.
 */
export function rawTxns(
  calls: Calls,
  { values }: CreateRows,
  shape: {
    readonly creates: number;
    readonly perTxn: number;
    readonly underWay: number;
    readonly run: string;
  },
): Promise<Answered> {
  const codecs = { request: TxnRequest, response: TxnResponse };
  return answered(Math.ceil(shape.creates / shape.perTxn), shape.underWay, async (at) => {
    const success: RequestOp[] = [];
    for (let create = 0; create < shape.perTxn; create += 1) {
      for (const [kind, value] of values.entries()) {
        const key = `/raw/${shape.run}/${kind}/${String(at * shape.perTxn + create).padStart(20, '0')}`;
        success.push({ ...noOperation, requestPut: PutRequest.create({ key, value }) });
      }
    }
    const request = TxnRequest.create({ success });
    const { succeeded } = await calls.unary('etcdserverpb.KV/Txn', codecs, request);
    if (!succeeded) throw new Error('a transaction without conditions did not succeed');
  });
}

async function rows(calls: Calls, folder: string): Promise<readonly Uint8Array[]> {
  const from = prefix + folder;
  const codecs = { request: RangeRequest, response: RangeResponse };
  const rangeEnd = `${from.slice(0, -1)}0`;
  const request = RangeRequest.create({
    key: from,
    rangeEnd,
    limit: sampleRows,
    sortOrder: sortOrders.descend,
    sortTarget: sortTargets.mod,
  });
  const { kvs } = await calls.unary('etcdserverpb.KV/Range', codecs, request);
  return kvs.map(({ value }) => value ?? new Uint8Array(0));
}
