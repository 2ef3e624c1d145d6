import { type Observed } from '../../../adapters/metrics/observed-metrics.ts';
import { type ControlPlaneStatus } from '../../../core/plasma/control-plane/control-plane.ts';

export interface ServerObservation extends ControlPlaneStatus {
  readonly imagesMissing: number;
}

export const serverGauges: Observed<ServerObservation> = {
  leading: ['1 while this server leads', (seen) => (seen.role === 'leading' ? 1 : 0)],
  revision: ['The last commit that this server knows of', (seen) => seen.revision],
  vms: ['Virtual machines; 0 on a server that does not lead', (seen) => seen.vms],
  vms_pending: ['Virtual machines for which no node has room', (seen) => seen.vmsPending],
  disks_leaving: ['Shared disks that are deleted and may have data still', (seen) => seen.disksLeaving],
  nodes_up: ['Nodes that hold a lease', (seen) => seen.nodesUp],
  nodes_silent: ['Nodes whose lease may have run out', (seen) => seen.nodesSilent],
  nodes_lost: ['Nodes whose lease has run out', (seen) => seen.nodesLost],
  requests_waiting: ['Requests without an answer yet', (seen) => seen.requestsWaiting],
  images_missing: [
    'Images of the catalogue that this server has not fetched yet; with one server none is looked for',
    (seen) => seen.imagesMissing,
  ],
};

export const serverCounters: Observed<ServerObservation> = {
  commits_total: ['Commits of this server', (seen) => seen.commits],
  commits_unknown_total: ['Commits whose outcome had to be settled', (seen) => seen.commitsUnknown],
  terms_won_total: ['Times that this server has become leader', (seen) => seen.termsWon],
  terms_lost_total: ['Times that it has ceased to be', (seen) => seen.termsLost],
};
