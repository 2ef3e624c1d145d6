import { loadKeys } from './keys.ts';
import { measureChecked } from './measure.ts';
import { operations } from './requests.ts';
import { RunningSystem, type SystemKind } from './systems.ts';
import { type Memory, memoryOf } from './usage.ts';
import { makeDir, removeDir } from './work-dir.ts';

export interface ManyKeys {
  readonly keys: number;
  readonly loadSeconds: number;
  readonly storeBytes: number;
  /** Largest of the three members', at each moment. */
  readonly afterLoad: Memory;
  readonly underLoad: Memory;
  readonly afterRestart: Memory;
  /** From the start of the process to its first answer that names a leader. */
  readonly restartMs: number;
  readonly restartAfterKillMs: number;
}

/** A store of many keys: what it takes of memory, at rest and under load, and how long a member needs to come back to it. */
export async function measureManyKeys(
  kind: SystemKind,
  options: { readonly keys: number; readonly seconds: number; readonly dir: string },
): Promise<ManyKeys> {
  const dir = makeDir(options.dir);
  try {
    const system = await RunningSystem.start(kind, dir);
    const loadSeconds = await loadKeys(system, options.keys);
    const afterLoad = largest(system);
    let underLoad = afterLoad;
    const watch = setInterval(() => (underLoad = larger(underLoad, largest(system))), 100);
    for (const operation of [operations.put, operations.get]) {
      await measureChecked(system, operation, 64, { seconds: options.seconds, dir });
    }
    clearInterval(watch);
    const leader = await system.leader();
    const { storeBytes } = await system.status(leader);
    const restartMs = (await system.restart(leader.place.name, 'SIGTERM')).startMs;
    const restartAfterKillMs = (await system.restart(leader.place.name, 'SIGKILL')).startMs;
    const again = system.members.find(({ place }) => place.name === leader.place.name) ?? leader;
    const afterRestart = memoryOf(again.pid);
    await system.stopMembers();
    return {
      keys: options.keys,
      ...{ loadSeconds, storeBytes, afterLoad, underLoad, afterRestart, restartMs, restartAfterKillMs },
    };
  } finally {
    removeDir(dir);
  }
}

function largest(system: RunningSystem): Memory {
  return system.members.map(({ pid }) => memoryOf(pid)).reduce(larger);
}

function larger(left: Memory, right: Memory): Memory {
  return {
    rssAnonBytes: Math.max(left.rssAnonBytes, right.rssAnonBytes),
    rssFileBytes: Math.max(left.rssFileBytes, right.rssFileBytes),
  };
}
