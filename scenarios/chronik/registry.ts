import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { chronikAllBrokersRestarted } from './all-brokers-restarted.ts';
import { chronikCoordinatorCutOff } from './coordinator-cut-off.ts';
import { chronikDeposedLeader } from './deposed-leader.ts';
import { chronikDiskFull } from './disk-full.ts';
import { chronikDivergingLogs } from './diverging-logs.ts';
import { chronikGroups } from './groups.ts';
import { chronikLateMarkers } from './late-markers.ts';
import { chronikLossyNetwork } from './lossy-network.ts';
import { chronikProducerAcrossFailover } from './producer-across-failover.ts';
import { chronikReassignmentWithoutController } from './reassignment-without-controller.ts';
import { chronikShrinkingInSyncSet } from './shrinking-in-sync-set.ts';
import { chronikTransactions } from './transactions.ts';
import { chronikSwarm } from './swarm.ts';
import { chronikTornTails } from './torn-tails.ts';
import { chronikTruncationByEpoch } from './truncation-by-epoch.ts';
import { chronikUncleanElectionAllowed, chronikUncleanElectionForbidden } from './unclean-elections.ts';
import { chronikUninformedLeader } from './uninformed-leader.ts';
import { chronikZombieLeader } from './zombie-leader.ts';

/** Scenarios of brokers: another machine, and another run, than those of Chainfire's cluster. */
export const chronikScenarios: readonly ChronikScenarioSource[] = [
  chronikSwarm,
  chronikTruncationByEpoch,
  chronikDivergingLogs,
  chronikZombieLeader,
  chronikDeposedLeader,
  chronikUninformedLeader,
  chronikShrinkingInSyncSet,
  chronikReassignmentWithoutController,
  chronikUncleanElectionAllowed,
  chronikUncleanElectionForbidden,
  chronikAllBrokersRestarted,
  chronikProducerAcrossFailover,
  chronikDiskFull,
  chronikLossyNetwork,
  chronikTornTails,
  chronikGroups,
  chronikTransactions,
  chronikCoordinatorCutOff,
  chronikLateMarkers,
];

export const chronikScenarioNames: readonly string[] = chronikScenarios.map(({ name }) => name);

export function chronikScenarioNamed(name: string): ChronikScenarioSource | undefined {
  return chronikScenarios.find((scenario) => scenario.name === name);
}
