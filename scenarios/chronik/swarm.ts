import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { drawChronik } from '../../sim/chronik/swarm.ts';

/** Brokers, clients and misfortunes as each seed draws them. */
export const chronikSwarm: ChronikScenarioSource = {
  name: 'chronik',
  about:
    'Whatever befalls a cluster of three to five brokers, nothing that was acknowledged is lost, and a healed one serves.',
  plan: drawChronik,
};
