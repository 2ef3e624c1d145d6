import { type Explanation } from './explanation.ts';

const spec = "PlasmaVMC's invariants";

/** What the VM platform must keep to. */
export const plasmaExplanations: Readonly<Record<string, Explanation>> = {
  'never-twice': {
    sentence: 'At most one node executes a virtual machine at any instant, by the true clock.',
    source: `${spec}: 2`,
  },
};
