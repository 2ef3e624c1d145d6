import { expect, test } from 'vitest';

import { defaultMemberConfig } from '../../../core/chainfire/member.ts';
import { configurationDifferences } from '../../../reports/evidence/configuration.ts';
import { type Scenario } from '../../../sim/types.ts';

const scenario: Scenario = {
  name: 'hand-made',
  about: 'Nothing.',
  cluster: { members: 3, config: {}, throughCodec: false },
  workload: { clients: 2, keys: 1, thinkUsMin: 1, thinkUsMax: 2, callTimeoutUs: 3, mix: { put: 4 } },
  faults: [],
  checks: 'all',
  durationUs: 60_000_000,
};

test('what has no default is always there', () => {
  expect(configurationDifferences(scenario)).toEqual([
    ['cluster.members', '3'],
    ['workload.clients', '2'],
    ['workload.keys', '1'],
    ['workload.thinkUsMin', '1'],
    ['workload.thinkUsMax', '2'],
    ['workload.callTimeoutUs', '3'],
    ['workload.mix.put', '4'],
    ['durationUs', '60000000'],
  ]);
});

test('what has one is there where it differs, by dotted name', () => {
  const { raft } = defaultMemberConfig;
  const config = {
    leasesMax: defaultMemberConfig.leasesMax,
    trailingEntries: 7,
    raft: { ...raft, segmentBytesMax: 4_096, leaseReads: { clockDriftPpmMax: 500 } },
  };
  const differences = configurationDifferences({
    ...scenario,
    cluster: { ...scenario.cluster, config, throughCodec: true },
    checks: ['durability', 'convergence'],
  });
  expect(differences.filter(([name]) => !name.startsWith('workload'))).toEqual([
    ['cluster.members', '3'],
    ['cluster.throughCodec', 'true'],
    ['trailingEntries', '7'],
    ['raft.segmentBytesMax', '4096'],
    ['raft.leaseReads.clockDriftPpmMax', '500'],
    ['checks', 'durability, convergence'],
    ['durationUs', '60000000'],
  ]);
});
