import { type Observed } from '../../../adapters/metrics/observed-metrics.ts';
import { type AgentView } from '../../../core/plasma/agent/view.ts';

const count = (seen: AgentView, state: string): number => seen.vms.filter((vm) => vm.state === state).length;

export const agentGauges: Observed<AgentView> = {
  serving: ['1 while it acts on what a server wants', (seen) => (seen.phase === 'serving' ? 1 : 0)],
  epoch: ['Registrations of this node', (seen) => seen.epoch],
  revision: ['What it acts on', (seen) => seen.revision],
  vms: ['Virtual machines that it knows of', (seen) => seen.vms.length],
  vms_running: ['Those that run', (seen) => count(seen, 'running')],
  vms_failed: ['Those that it does not start again by itself', (seen) => count(seen, 'failed')],
  orphans: [
    'Processes that the control plane knows nothing of',
    (seen) => seen.vms.filter((vm) => vm.orphan).length,
  ],
};

export const agentCounters: Observed<AgentView> = {
  restarts_total: ['Guests that were started again after their end', (seen) => seen.restarts],
  refused_vms_total: ['Virtual machines that were wanted and not taken on', (seen) => seen.refusedVms],
};
