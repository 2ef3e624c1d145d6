import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const roundUs = 9 * usPerSecond;
const forUs = 5 * usPerSecond;

export const oneWayPartition: ScenarioSource = {
  name: 'one-way-partition',
  about:
    'A member that can speak but not hear, or hear but not speak, neither keeps others from leading nor misleads them.',
  plan: (seed) => ({
    name: oneWayPartition.name,
    about: oneWayPartition.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 5,
      keys: 5,
      thinkUsMin: 2_000,
      thinkUsMax: 50_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: {
        put: 30,
        get: 30,
        serializableGet: 5,
        delete: 5,
        compareAndSwap: 15,
        txn: 10,
        range: 10,
        historicRange: 3,
        compact: 1,
      },
    },
    // Each member in turn: first nobody hears it, then it hears nobody.
    faults: nodes.flatMap((node, round): Fault[] => {
      const others = nodes.filter((other) => other !== node);
      const atUs = (2 * round + 1) * roundUs;
      return [
        { kind: 'oneWay', atUs, forUs, from: [node], to: others },
        { kind: 'oneWay', atUs: atUs + roundUs, forUs, from: others, to: [node] },
      ];
    }),
    checks: 'all',
    durationUs: (2 * nodes.length + 2) * roundUs,
    floors: { answered: 1_000, elections: 2, readsDuringFaults: 100, fired: { oneWay: 2 * nodes.length } },
  }),
};
