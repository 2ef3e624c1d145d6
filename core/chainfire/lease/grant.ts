import { type Prng } from '../../base/prng.ts';
import { usPerSecond } from '../../base/units.ts';
import { type LeaseGrantRequest } from '../api/lease.ts';
import { type LeaseTable } from './lease-table.ts';

/** etcd's bound; above it a grant is refused. */
export const ttlSecondsMax = 9_000_000_000;

/** etcd's shortest time to live: an election and a half must fit into it, so that no lease ends by an election alone. */
export function ttlSecondsMin(electionTimeoutUs: number): number {
  return Math.ceil((electionTimeoutUs * 3) / (2 * usPerSecond));
}

/** The grant as it goes into the log: with an id, and with a time to live that is not too short. */
export function completeGrant(
  request: LeaseGrantRequest,
  given: { readonly table: LeaseTable; readonly ttlSecondsMin: number; readonly prng: Prng },
): LeaseGrantRequest {
  return {
    ttlSeconds: Math.max(request.ttlSeconds, given.ttlSecondsMin),
    id: request.id === 0n ? drawId(given.table, given.prng) : request.id,
  };
}

/** Positive in 63 bits, since clients take it for a signed number; free as far as this member knows. */
function drawId(table: LeaseTable, prng: Prng): bigint {
  for (;;) {
    const high = BigInt(prng.below(2 ** 31));
    const id = (high << 32n) | BigInt(prng.below(2 ** 32));
    if (id !== 0n && !table.has(id)) return id;
  }
}
