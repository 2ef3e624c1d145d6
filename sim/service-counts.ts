import { type ClientLogs } from './client-logs.ts';
import { type Operation, type ServiceCounts } from './types.ts';

/** Counts what clients were told. */
export function countServices(history: readonly Operation[], logs: ClientLogs): ServiceCounts {
  const granted = new Set<bigint>();
  const revoked = new Set<bigint>();
  for (const { request, outcome } of history) {
    if (request.kind === 'leaseRevoke') revoked.add(request.request.id);
    if (request.kind !== 'leaseGrant' || outcome.kind !== 'answered') continue;
    if (outcome.response.kind === 'leaseGrant') granted.add(outcome.response.response.id);
  }
  let leasesExpired = 0;
  for (const id of granted) if (!revoked.has(id)) leasesExpired += 1;
  return {
    watchEvents: logs.events,
    leasesGranted: granted.size,
    leasesExpired,
    locksHeld: logs.holds.length,
  };
}
