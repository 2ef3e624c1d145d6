import { type NamespaceLimits, NamespacePutRequest } from '../../../../core/chainfire/api/namespace.ts';
import { type RequestOp } from '../../../../core/chainfire/api/kv.ts';
import { decodeRecord } from '../../../../core/chainfire/mvcc/record.ts';
import { type Machine } from '../machine.ts';
import { del, put, txn } from '../requests.ts';

export type Body = Parameters<Machine['do']>[0];

export const doing = {
  define: (name: string, prefix: string, limits: Partial<NamespaceLimits> = {}): Body => ({
    kind: 'namespacePut',
    request: NamespacePutRequest.create({
      name,
      prefix,
      limits: { bytes: 0, keys: 0, leases: 0, watches: 0, ...limits },
    }),
  }),
  remove: (name: string): Body => ({ kind: 'namespaceRemove', request: { name } }),
  put: (...given: Parameters<typeof put>): Body => ({ kind: 'put', request: put(...given) }),
  del: (...given: Parameters<typeof del>): Body => ({ kind: 'deleteRange', request: del(...given) }),
  txn: (...success: readonly RequestOp[]): Body => ({ kind: 'txn', request: txn({ success }) }),
  grant: (id: bigint): Body => ({ kind: 'leaseGrant', request: { id, ttlSeconds: 60 } }),
  revoke: (id: bigint): Body => ({ kind: 'leaseRevoke', request: { id } }),
};

/** `ok`, or what a request was refused with. */
export function outcome(machine: Machine, body: Body): string {
  const response = machine.do(body);
  return response.kind === 'refused' ? response.message : 'ok';
}

/** What a namespace says that it holds. */
export function usageOf(machine: Machine, name: string): Readonly<Record<string, unknown>> | undefined {
  const namespace = machine.namespaces.named(name);
  if (namespace === undefined) return undefined;
  const { bytes, keys, leases, countedTo } = namespace;
  return { bytes, keys, leases, ...(countedTo === undefined ? {} : { countedTo }) };
}

/** What the keys say, looked at one by one. */
export function countedOf(machine: Machine, prefix: string): Readonly<Record<string, unknown>> {
  let bytes = 0;
  let keys = 0;
  const leases = new Set<bigint>();
  for (const [key, row] of machine.mvcc.rows({ from: '', to: undefined, single: false }, false)) {
    if (!key.startsWith(prefix)) continue;
    const { value, lease } = decodeRecord(row);
    keys += 1;
    bytes += key.length + value.length;
    if (lease !== 0n) leases.add(lease);
  }
  return { bytes, keys, leases: leases.size };
}

/** Goes on until there is nothing left to count or to clear away. @returns turns that it took */
export function finishTurns(machine: Machine): number {
  for (let turns = 0; ; turns += 1) {
    const request = machine.namespaces.nextTurn;
    if (request === undefined) return turns;
    machine.doAll([{ kind: 'namespaceTurn', request }]);
  }
}
