import { type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { drawPlasma } from '../../sim/plasma/swarm.ts';

/** Clouds, users and misfortunes as each seed draws them. */
export const plasmaSwarm: PlasmaScenarioSource = {
  name: 'plasma',
  about: 'Whatever befalls a cloud, no virtual machine runs twice, and a healed one runs what is wanted.',
  plan: drawPlasma,
};
