import { type ScenarioSource } from '../sim/types.ts';
import { aimedScenarios } from './aimed.ts';
import { allMembersRestart } from './all-members-restart.ts';
import { crashDuringSnapshotInstall } from './crash-during-snapshot-install.ts';
import { isolatedLeader } from './isolated-leader.ts';
import { oneWayPartition } from './one-way-partition.ts';
import { diskFull } from './disk-full.ts';
import { flappingLink } from './flapping-link.ts';
import { keepaliveStorm } from './keepalive-storm.ts';
import { leaseAcrossLeaderChangeUnderDrift } from './lease-across-leader-change-under-drift.ts';
import { lockUnderPartition } from './lock-under-partition.ts';
import { lostFsync } from './lost-fsync.ts';
import { massExpiryAfterAnOutage } from './mass-expiry-after-an-outage.ts';
import { processPauseWithStaleReads } from './process-pause-with-stale-reads.ts';
import { slowFollower } from './slow-follower.ts';
import { watchResumedAcrossCompaction } from './watch-resumed-across-compaction.ts';
import { swarm } from './swarm.ts';
import { tornLogTail } from './torn-log-tail.ts';

/** Every scenario that can be asked for by name; the first is what runs when none is. */
export const scenarios: readonly ScenarioSource[] = [
  swarm,
  isolatedLeader,
  oneWayPartition,
  crashDuringSnapshotInstall,
  tornLogTail,
  allMembersRestart,
  flappingLink,
  lostFsync,
  slowFollower,
  diskFull,
  processPauseWithStaleReads,
  leaseAcrossLeaderChangeUnderDrift,
  keepaliveStorm,
  massExpiryAfterAnOutage,
  watchResumedAcrossCompaction,
  lockUnderPartition,
];

export const scenarioNames: readonly string[] = scenarios.map((scenario) => scenario.name);

/** The aimed scenarios are found too, though no list shows them. @throws RangeError for a name that is in neither */
export function scenarioNamed(name: string): ScenarioSource {
  const found = [...scenarios, ...aimedScenarios].find((scenario) => scenario.name === name);
  if (found === undefined)
    throw new RangeError(`no scenario is called ${name}; there are ${scenarioNames.join(', ')}`);
  return found;
}
