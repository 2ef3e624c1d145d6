import { nodeId } from '../core/base/ids.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs, usPerSecond } from '../core/base/units.ts';
import { type BackupPlan, type RestorePlan } from './backup/plan.ts';
import { restoredBehind } from './cluster-life.ts';
import { drawFaultsOfKinds } from './swarm-faults.ts';
import { type WorkloadPlan } from './types.ts';

/** More than any run gives revisions: nobody has seen one above the old cluster's that is not below the new one's. */
const bump = 20_000;

/** Backups are taken in one seed of six, and in most of these a cluster is made of one. */
export function drawBackups(prng: Prng, workload: WorkloadPlan, durationUs: number): BackupPlan | undefined {
  if (!prng.chance(1, 6)) return undefined;
  return {
    takers: between(prng, 1, 3),
    everyUs: between(prng, 500, 8_000) * usPerMs,
    chunkRowsMax: between(prng, 4, 64),
    chunkUsMax: between(prng, 1, 150) * usPerMs,
    restore: prng.chance(4, 5) ? drawRestore(prng.fork('restore'), workload, durationUs) : undefined,
  };
}

function drawRestore(prng: Prng, workload: WorkloadPlan, durationUs: number): RestorePlan {
  const sizes = [1, 3, 3, 5] as const;
  const members = sizes[prng.below(sizes.length)] ?? 3;
  const isBumped = prng.chance(2, 3);
  const restoredUs = between(prng, 5, 25) * usPerSecond;
  const nodes = Array.from({ length: members }, (_, at) => nodeId(restoredBehind.nodes + at + 1));
  const clients = Array.from({ length: workload.clients }, (_, at) => restoredBehind.clients + at);
  const drawn = drawFaultsOfKinds(prng.fork('faults'), { nodes, clients, durationUs: restoredUs });
  return {
    atUs: between(prng, Math.floor(durationUs / 6), durationUs),
    members,
    revisions: { bump: isBumped ? bump : 0, markCompacted: isBumped && prng.chance(1, 2) },
    faults: drawn.toSorted((left, right) => left.atUs - right.atUs),
    durationUs: restoredUs,
  };
}
