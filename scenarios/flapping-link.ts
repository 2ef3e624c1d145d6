import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const nodes = [1, 2, 3].map(nodeId);
const roundUs = 8 * usPerSecond;
/** Down for less than an election time-out, for about one, and for longer: each has its own way of going wrong. */
const rhythms = [
  { downUs: 300 * usPerMs, upUs: 200 * usPerMs },
  { downUs: 1_100 * usPerMs, upUs: 400 * usPerMs },
  { downUs: 2_500 * usPerMs, upUs: 150 * usPerMs },
];

export const flappingLink: ScenarioSource = {
  name: 'flapping-link',
  about:
    'A link that comes and goes between two members that both reach the third neither keeps deposing the leader nor misleads.',
  plan: (seed) => ({
    name: flappingLink.name,
    about: flappingLink.about,
    cluster: { members: nodes.length, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 6,
      thinkUsMin: 10_000,
      thinkUsMax: 90_000,
      callTimeoutUs: 3 * usPerSecond,
      mix: {
        put: 30,
        get: 30,
        serializableGet: 5,
        delete: 3,
        compareAndSwap: 10,
        txn: 5,
        range: 5,
        watch: 4,
      },
    },
    // Every pair, in every rhythm: the leader's links are among them, whoever leads.
    faults: rhythms.flatMap((rhythm, turn) =>
      nodes.map((node, at): Fault => {
        const next = nodes[(at + 1) % nodes.length] ?? node;
        const atUs = (turn * nodes.length + at + 1) * roundUs;
        return { kind: 'flap', atUs, forUs: roundUs - usPerSecond, between: [node, next], ...rhythm };
      }),
    ),
    checks: 'all',
    durationUs: (rhythms.length * nodes.length + 2) * roundUs,
    floors: {
      answered: 1_500,
      elections: 1,
      readsDuringFaults: 500,
      watchEvents: 1_000,
      watchesResumed: 1,
      // A link between two followers carries nothing.
      fired: { flap: rhythms.length },
    },
  }),
};
