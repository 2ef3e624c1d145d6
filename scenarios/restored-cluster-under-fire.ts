import { nodeId } from '../core/base/ids.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { restoredBehind } from '../sim/cluster-life.ts';
import { type Fault } from '../sim/fault.ts';
import { type ScenarioSource } from '../sim/types.ts';

const sizes = [3, 5, 1] as const;

/** The machines of the restored cluster have numbers of their own. */
const restoredNode = (position: number) => nodeId(restoredBehind.nodes + position);

/** It is hit from its first moments on: none of its members has written anything yet but what was made for it. */
function trouble(members: number): readonly Fault[] {
  const all = Array.from({ length: members }, (_, position) => restoredNode(position + 1));
  const [first = restoredNode(1), ...others] = all;
  const cuts: readonly Fault[] =
    others.length === 0
      ? []
      : [
          {
            kind: 'partition',
            atUs: 8 * usPerSecond,
            forUs: 4 * usPerSecond,
            side: [first],
            otherSide: others,
          },
          {
            kind: 'lossy',
            atUs: 15 * usPerSecond,
            forUs: 3 * usPerSecond,
            lossPpm: 100_000,
            duplicatePpm: 50_000,
            reorderPpm: 50_000,
          },
        ];
  return [
    { kind: 'crash', atUs: 600 * usPerMs, node: first, downUs: 300 * usPerMs },
    { kind: 'crashAll', atUs: 3 * usPerSecond, downUs: usPerSecond },
    ...cuts,
    { kind: 'crash', atUs: 20 * usPerSecond, node: all.at(-1) ?? first, downUs: 2 * usPerSecond },
    { kind: 'pause', atUs: 24 * usPerSecond, node: first, forUs: 3 * usPerSecond },
  ];
}

export const restoredClusterUnderFire: ScenarioSource = {
  name: 'restored-cluster-under-fire',
  about:
    'A cluster made from a backup goes on from exactly that, under faults from its first moment, and shows nobody another history.',
  plan: (seed) => {
    const members = sizes[seed % sizes.length] ?? 3;
    return {
      name: restoredClusterUnderFire.name,
      about: restoredClusterUnderFire.about,
      cluster: {
        members: 3,
        config: { trailingEntries: 30, compactionBatch: 10 },
        throughCodec: seed % 4 === 0,
      },
      workload: {
        clients: 3,
        keys: 12,
        thinkUsMin: 10_000,
        thinkUsMax: 150_000,
        callTimeoutUs: 2 * usPerSecond,
        mix: {
          put: 30,
          get: 20,
          serializableGet: 5,
          delete: 6,
          compareAndSwap: 10,
          txn: 8,
          range: 6,
          historicRange: 4,
          compact: 1,
          lease: 6,
          watch: 4,
          lock: 3,
        },
      },
      faults: [{ kind: 'crash', atUs: 10 * usPerSecond, node: nodeId(1), downUs: usPerSecond }],
      backups: {
        takers: 1,
        everyUs: 2 * usPerSecond,
        chunkRowsMax: 16,
        chunkUsMax: 20 * usPerMs,
        restore: {
          atUs: 25 * usPerSecond,
          members,
          revisions: { bump: seed % 4 === 0 ? 0 : 20_000, markCompacted: seed % 4 > 1 },
          faults: trouble(members),
          durationUs: 35 * usPerSecond,
        },
      },
      checks: 'all',
      durationUs: 60 * usPerSecond,
      floors: {
        answered: 200,
        backupsTaken: 2,
        restored: 1,
        restoredAnswered: 200,
        fired: { crashAll: 1, crash: 2, pause: 1 },
      },
    };
  },
};
