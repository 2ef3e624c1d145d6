import { type ScenarioSource } from '../sim/types.ts';
import { aimedScenarios } from './aimed.ts';
import { aimedMembershipScenarios } from './aimed-membership.ts';
import { canary } from './canary.ts';
import { allMembersRestart } from './all-members-restart.ts';
import { crashDuringSnapshotInstall } from './crash-during-snapshot-install.ts';
import { historyKeptUnderElections } from './history-kept-under-elections.ts';
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
import { quotaUnderFire } from './quota-under-fire.ts';
import { slowFollower } from './slow-follower.ts';
import { watchResumedAcrossCompaction } from './watch-resumed-across-compaction.ts';
import { crashUnderLoad } from './crash-under-load.ts';
import { crashWhileFreeing } from './crash-while-freeing.ts';
import { snapshotsInARow } from './snapshots-in-a-row.ts';
import { compactedReadInATxn } from './compacted-read-in-a-txn.ts';
import { starvedWatchStreams } from './starved-watch-streams.ts';
import { leasesUnderElections } from './leases-under-elections.ts';
import { lostDoubledAndLate } from './lost-doubled-and-late.ts';
import { membershipUnderFire } from './membership-under-fire.ts';
import { beyondTheAtlas } from './beyond-the-atlas.ts';
import { latentSectorError } from './latent-sector-error.ts';
import { misdirectedWrite } from './misdirected-write.ts';
import { narrowLink } from './narrow-link.ts';
import { storeChangedBehindItsBack } from './store-changed-behind-its-back.ts';
import { storeFull } from './store-full.ts';
import { wallClockJumps } from './wall-clock-jumps.ts';
import { usersUnderFire } from './users-under-fire.ts';
import { backupUnderFire } from './backup-under-fire.ts';
import { restoredClusterUnderFire } from './restored-cluster-under-fire.ts';
import { swarm } from './swarm.ts';
import { namespacesCountedUnderFire } from './namespaces-counted-under-fire.ts';
import { namespacesUnderFire } from './namespaces-under-fire.ts';
import { tornLogTail } from './torn-log-tail.ts';
import { wipeAndRejoin } from './wipe-and-rejoin.ts';

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
  crashUnderLoad,
  crashWhileFreeing,
  snapshotsInARow,
  compactedReadInATxn,
  starvedWatchStreams,
  leasesUnderElections,
  lostDoubledAndLate,
  membershipUnderFire,
  wipeAndRejoin,
  latentSectorError,
  misdirectedWrite,
  storeFull,
  wallClockJumps,
  narrowLink,
  beyondTheAtlas,
  usersUnderFire,
  historyKeptUnderElections,
  namespacesUnderFire,
  namespacesCountedUnderFire,
  backupUnderFire,
  restoredClusterUnderFire,
  quotaUnderFire,
  storeChangedBehindItsBack,
];

export const scenarioNames: readonly string[] = scenarios.map((scenario) => scenario.name);

/** What no list shows, and is found when it is asked for. */
const unlisted: readonly ScenarioSource[] = [canary, ...aimedScenarios, ...aimedMembershipScenarios];

export function isScenarioName(name: string): boolean {
  return find(name) !== undefined;
}

/** The aimed scenarios and the canary are found too, though no list shows them. @throws RangeError for a name that is in neither */
export function scenarioNamed(name: string): ScenarioSource {
  const found = find(name);
  if (found === undefined)
    throw new RangeError(`no scenario is called ${name}; there are ${scenarioNames.join(', ')}`);
  return found;
}

function find(name: string): ScenarioSource | undefined {
  return [...scenarios, ...unlisted].find((scenario) => scenario.name === name);
}
