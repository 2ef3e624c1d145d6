import { usPerSecond } from '../../../core/base/units.ts';
import { type Scenario } from '../../../sim/types.ts';

/** Five members that do little but agree: many clients that write without a pause, and nothing that goes wrong. */
export function raftHeavy(seconds: number): Scenario {
  return {
    name: 'raft-heavy',
    about: 'Five members and sixteen clients that write without a pause; no faults.',
    cluster: { members: 5, config: {}, throughCodec: false },
    workload: {
      clients: 16,
      keys: 64,
      thinkUsMin: 100,
      thinkUsMax: 2_000,
      callTimeoutUs: 2 * usPerSecond,
      mix: {
        put: 90,
        get: 10,
        serializableGet: 0,
        delete: 0,
        compareAndSwap: 0,
        txn: 0,
        range: 0,
        historicRange: 0,
        compact: 0,
      },
    },
    faults: [],
    checks: 'all',
    durationUs: seconds * usPerSecond,
  };
}
