import { nodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const restarts = 8;
const roundUs = 8 * usPerSecond;

export const allMembersRestart: ScenarioSource = {
  name: 'all-members-restart',
  about: 'All members at once lose their power, again and again, and nothing that was acknowledged is lost.',
  plan: (seed) => ({
    name: allMembersRestart.name,
    about: allMembersRestart.about,
    cluster: { members: seed % 2 === 0 ? 3 : 5, config: {}, throughCodec: seed % 4 === 0 },
    workload: {
      clients: 6,
      keys: 8,
      thinkUsMin: 1_000,
      thinkUsMax: 30_000,
      callTimeoutUs: 3 * usPerSecond,
      mix: {
        put: 40,
        get: 20,
        serializableGet: 5,
        delete: 6,
        compareAndSwap: 15,
        txn: 12,
        range: 6,
        historicRange: 3,
        compact: 2,
      },
    },
    // Now and then one member stays away, so that the others must do without what it alone held.
    faults: Array.from({ length: restarts }, (_, round): Fault[] => {
      const atUs = round * roundUs + (3 * roundUs) / 4;
      const all: Fault = {
        kind: 'crashAll',
        atUs,
        downUs: usPerSecond / 2,
        scope: round % 3 === 2 ? 'process' : 'machine',
      };
      if (round % 2 === 0) return [all];
      const node = nodeId((round % 3) + 1);
      return [{ kind: 'crash', atUs: atUs - usPerSecond, node, downUs: 3 * usPerSecond }, all];
    }).flat(),
    checks: 'all',
    durationUs: (restarts + 1) * roundUs,
    floors: { answered: 1_000, elections: restarts, fired: { crashAll: restarts, crash: 3 } },
  }),
};
