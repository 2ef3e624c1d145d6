import { usPerMs, usPerSecond } from '../../core/base/units.ts';
import { agentAddress, machineAddress, serverAddress } from '../../sim/plasma/addresses.ts';
import { type PlasmaAct, type PlasmaFault, type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { seededPrng } from '../../sim/prng.ts';
import { builder, cloudOf, planOf, timesOf } from './base-plan.ts';

const images = 10;
const nodes = 3;
const servers = 3;

/** A fetch takes a second or two, and hardly any is left alone so long. Server 2 loses copies, and never has a wrong one. */
export const plasmaImageFetchCut: PlasmaScenarioSource = {
  name: 'plasma-image-fetch-cut',
  about:
    'A fetch of an image that is cut at any byte goes on where it stopped, and nothing starts on other bytes.',
  plan: (seed) => {
    const prng = seededPrng(`image fetch cut ${seed}`);
    const times = (everyUs: number): readonly number[] =>
      timesOf(seed, { fromUs: 3 * usPerSecond, everyUs, untilUs: 54 * usPerSecond });
    const faults = times(2_500 * usPerMs).map((atUs): PlasmaFault => {
      const downUs = prng.chance(1, 8) ? 4 * usPerSecond : (50 + prng.below(900)) * usPerMs;
      const at = prng.below(nodes);
      const server = serverAddress(prng.below(servers));
      switch (prng.below(8)) {
        case 0:
          return { kind: 'crash', atUs, node: server, downUs };
        case 1:
          return { kind: 'pause', atUs, node: server, forUs: downUs };
        case 2:
          return { kind: 'crash', atUs, node: machineAddress(at), scope: 'machine', downUs };
        case 3:
          return { kind: 'partition', atUs, forUs: downUs, side: [agentAddress(at)], otherSide: [server] };
        case 4:
          return { kind: 'clog', atUs, forUs: downUs, from: server, to: agentAddress(at) };
        default:
          return { kind: 'crash', atUs, node: agentAddress(at), scope: 'process', downUs };
      }
    });
    const acts = [
      ...times(700 * usPerMs).map((atUs): PlasmaAct => ({
        kind: prng.chance(1, 3) ? 'loseImage' : 'spoilImage',
        atUs,
        server: prng.below(servers - 1),
        image: prng.below(images),
        forUs: (1 + prng.below(8)) * usPerSecond,
      })),
      ...times(1_600 * usPerMs).map((atUs): PlasmaAct => ({
        ...{ kind: 'crashFetching', atUs, afterUs: prng.below(3_000) * usPerMs },
        downUs: (50 + prng.below(400)) * usPerMs,
      })),
    ];
    return planOf(plasmaImageFetchCut, {
      cloud: cloudOf({
        nodeCount: nodes,
        images: Array.from({ length: images }, (_, at) => ({ fileBytes: 20_480 + at * 4_096 })),
        imageChunkBytes: 256 + prng.below(768),
      }),
      workload: {
        users: [
          {
            ...builder,
            ...{
              sharedDisks: 0,
              vmsMax: 8,
              keepRunningOfTen: 5,
              imageOfTen: 10,
              thinkUsMax: 2 * usPerSecond,
            },
            mix: { create: 6, delete: 5, start: 1, stop: 1, image: 1 },
          },
        ],
      },
      faults,
      acts,
      floors: { committed: 20, imagesFetched: 1, fetchesResumed: 1, executions: 1 },
    });
  },
};
