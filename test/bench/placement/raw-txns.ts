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

/** What creates have put into the store, as it lies there. */
export interface CreateRows {
  readonly vm: Uint8Array;
  readonly operation: Uint8Array;
  /** The records of one create: those of a project in a commit share a row. */
  readonly records: string;
}

const prefix = '/photon/plasma/';
const sampleRows = 100;
/** As many as the creates of this benchmark are for. */
const projects = 20;

/** What one create costs the store. */
export async function rowsOfCreate(calls: Calls): Promise<CreateRows> {
  const [vms, operations, audit] = [
    await rows(calls, 'vms/'),
    await rows(calls, 'operations/'),
    await rows(calls, 'audit/'),
  ];
  const records = audit
    .map((value) => JSON.parse(Buffer.from(value).toString()) as readonly { readonly what: string }[])
    .find((all) => all.some(({ what }) => what === 'vmCreate'));
  const [vm, operation] = [vms[0], operations[0]];
  if (vm === undefined || operation === undefined || records === undefined)
    throw new Error('the store has no rows of a create');
  return { vm, operation, records: JSON.stringify(records.slice(0, 2)).slice(1, -1) };
}

export function bytesOf({ vm, operation, records }: CreateRows): number {
  return vm.length + operation.length + records.length;
}

/**
 * The yardstick: the same bytes put into the store by a client that decides nothing, so many creates in a transaction, so many
 * transactions at once.
 */
export function rawTxns(
  calls: Calls,
  rows: CreateRows,
  shape: {
    readonly creates: number;
    readonly perTxn: number;
    readonly underWay: number;
    readonly run: string;
  },
): Promise<Answered> {
  const codecs = { request: TxnRequest, response: TxnResponse };
  const { creates, perTxn, underWay, run } = shape;
  const auditRows = Math.min(perTxn, projects);
  const records = Array.from({ length: Math.ceil(perTxn / auditRows) }, () => rows.records);
  const audit = Buffer.from(`[${records.join(',')}]`);
  const put = (folder: string, number: number, value: Uint8Array): RequestOp => {
    const key = `/raw/${run}/${folder}/${String(number).padStart(20, '0')}`;
    return { ...noOperation, requestPut: PutRequest.create({ key, value }) };
  };
  return answered(Math.ceil(creates / perTxn), underWay, async (at) => {
    const success: RequestOp[] = [];
    for (let number = at * perTxn; number < (at + 1) * perTxn; number += 1)
      success.push(put('vms', number, rows.vm), put('operations', number, rows.operation));
    for (let row = 0; row < auditRows; row += 1) success.push(put('audit', at * auditRows + row, audit));
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
