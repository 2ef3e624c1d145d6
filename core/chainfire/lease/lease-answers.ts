import {
  type LeaseLeasesResponse,
  type LeaseTimeToLiveRequest,
  type LeaseTimeToLiveResponse,
} from '../api/lease.ts';
import { type ResponseHeader } from '../api/kv.ts';
import { type Mvcc } from '../mvcc/mvcc.ts';
import { type LeaseDeadlines } from './lease-deadlines.ts';
import { type LeaseTable } from './lease-table.ts';

/** What is left of a lease, as this member counts. */
export function answerTimeToLive(
  request: LeaseTimeToLiveRequest,
  given: {
    readonly header: ResponseHeader;
    readonly table: LeaseTable;
    readonly deadlines: LeaseDeadlines;
    readonly mvcc: Mvcc;
    readonly nowUs: number;
  },
): LeaseTimeToLiveResponse {
  const { header, table, deadlines, mvcc, nowUs } = given;
  const { id } = request;
  const lease = table.get(id);
  if (lease === undefined) return { header, id, ttlSeconds: -1, grantedTtlSeconds: 0, keys: [] };
  return {
    header,
    id,
    ttlSeconds: deadlines.remainingSeconds(lease, nowUs),
    grantedTtlSeconds: lease.ttlSeconds,
    keys: request.keys ? mvcc.attachedKeys(id) : [],
  };
}

/** Every lease, the one that ends first at the head, as in etcd. */
export function answerLeases(header: ResponseHeader, table: LeaseTable): LeaseLeasesResponse {
  const leases = [...table.leases()].sort(
    (left, right) => left.deadlineUs - right.deadlineUs || (left.id < right.id ? -1 : 1),
  );
  return { header, leases: leases.map(({ id }) => ({ id })) };
}
