import { usPerSecond } from '../../core/base/units.ts';
import { nodeId } from '../../core/base/ids.ts';
import {
  type Act,
  type ChronikFault,
  type ChronikScenario,
  type ChronikScenarioSource,
} from '../../sim/chronik/plan.ts';
import { carefulProducer, consumer, hastyProducer, planOf, topic, topicOf } from './base-plan.ts';

/** Followers are too slow to stay in sync; then the leader, alone with the newest records, loses its power for long. */
function lastInSyncDies(source: ChronikScenarioSource, seed: number, unclean: boolean): ChronikScenario {
  const faults: ChronikFault[] = [];
  const acts: Act[] = [];
  for (const round of [0, 1]) {
    const atUs = (8 + 28 * round) * usPerSecond;
    for (const from of [1, 2, 3]) {
      const to = [1, 2, 3].filter((node) => node !== from).map(nodeId);
      faults.push({
        kind: 'narrowLink',
        atUs,
        forUs: 9 * usPerSecond,
        from: [nodeId(from)],
        to,
        bytesPerSecond: 2_500,
      });
    }
    acts.push({
      kind: 'crash',
      atUs: atUs + 8_900_000,
      who: { kind: 'leader', topic, partition: 0 },
      downUs: 12 * usPerSecond,
    });
  }
  const configs = { 'min.insync.replicas': '1', 'unclean.leader.election.enable': String(unclean) };
  return planOf(source, seed, {
    workload: {
      topics: [topicOf(configs)],
      producers: [
        { ...carefulProducer, valueBytesMax: 400 },
        { ...hastyProducer, valueBytesMax: 800 },
      ],
      consumers: [consumer],
    },
    faults,
    acts,
    floors: {
      acknowledged: 100,
      isrChanges: 2,
      fired: { crash: 1 },
      ...(unclean ? { uncleanElections: 1 } : {}),
    },
  });
}

export const chronikUncleanElectionAllowed: ChronikScenarioSource = {
  name: 'chronik-unclean-election-allowed',
  about:
    'Where a topic allows it, whoever is left leads when the last in sync is gone: that is recorded, and replicas agree again.',
  plan: (seed) => lastInSyncDies(chronikUncleanElectionAllowed, seed, true),
};

export const chronikUncleanElectionForbidden: ChronikScenarioSource = {
  name: 'chronik-unclean-election-forbidden',
  about:
    'Where a topic does not allow it, nobody leads until the last in sync is back, and what was acknowledged is there again.',
  plan: (seed) => lastInSyncDies(chronikUncleanElectionForbidden, seed, false),
};
