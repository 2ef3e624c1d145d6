import { drawScenario } from '../sim/swarm.ts';
import { type ScenarioSource } from '../sim/types.ts';

export const swarm: ScenarioSource = {
  name: 'swarm',
  about:
    'Whatever the seed draws (cluster, workload, which faults and how hard), nothing wrong is ever observed.',
  // Even the unluckiest seed elects somebody and answers somebody; what many seeds must do together, the runner asks.
  plan: (seed) => ({ ...drawScenario(seed), floors: { answered: 5, elections: 1 } }),
};
