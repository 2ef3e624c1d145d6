import { drawScenario } from '../sim/swarm.ts';
import { type ScenarioSource, type WorkloadPlan } from '../sim/types.ts';
import { answersOwed } from '../sim/workload.ts';

export const swarm: ScenarioSource = {
  name: 'swarm',
  about:
    'Whatever the seed draws (cluster, workload, which faults and how hard), nothing wrong is ever observed.',
  plan: (seed) => {
    const drawn = drawScenario(seed);
    return { ...drawn, floors: { answered: answeredAtLeast(drawn.workload), elections: 1 } };
  },
};

/**
 * What every plan leaves possible. A member that is alone may be down or without its disk from the first second of the faults
 * to the last, and its cluster owes nobody anything meanwhile. The healed core owes each client its calls and the read that
 * ends its work, and a write and a read to whoever asks one of its members. What the faults leave room for is asked of many
 * seeds together (reports/tally.ts), and that is more than the healed cores alone come to.
 */
function answeredAtLeast({ clients }: WorkloadPlan): number {
  return clients * (answersOwed + 1) + 2;
}
