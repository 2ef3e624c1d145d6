import { setTimeout as after } from 'node:timers/promises';

import { type WatchdogAct, type WatchdogReport } from '../../core/plasma/watchdog/protocol.ts';
import { isAlive, strike } from '../qemu/proc.ts';

const lookEveryMs = 2;
const looksMax = 50;

/** SIGKILL, and a look whether it is gone. */
export async function carryOutKill({ instance }: WatchdogAct): Promise<WatchdogReport> {
  try {
    strike(instance);
    for (let look = 0; look < looksMax; look += 1) {
      if (!isAlive(instance)) return { kind: 'gone', instance };
      await after(lookEveryMs);
    }
    return { kind: 'killFailed', instance, message: 'it has not ended yet' };
  } catch (error) {
    return { kind: 'killFailed', instance, message: (error as Error).message };
  }
}
