import { defaultMemberConfig } from '../../core/chainfire/member.ts';
import { type Scenario } from '../../sim/types.ts';

/**
 * Where a run differs from the defaults, by dotted name: `raft.electionTimeoutUs`. What has no default (how many members, how
 * clients behave) is a choice of the scenario and always there.
 */
export function configurationDifferences(scenario: Scenario): readonly (readonly [string, string])[] {
  const { cluster, workload } = scenario;
  const chosen = { members: cluster.members, ...(cluster.throughCodec ? { throughCodec: true } : {}) };
  const defaults = new Map(flat(defaultMemberConfig));
  return [
    ...named('cluster', chosen),
    ...flat(cluster.config).filter(([name, value]) => defaults.get(name) !== value),
    ...named('workload', workload),
    ...(scenario.checks === 'all' ? [] : [['checks', scenario.checks.join(', ')] as const]),
    ['durationUs', String(scenario.durationUs)],
  ];
}

function named(prefix: string, values: object): readonly (readonly [string, string])[] {
  return flat(values).map(([name, value]) => [`${prefix}.${name}`, value]);
}

/** Leaves by their dotted names, in the order in which they stand. */
function flat(value: object): readonly (readonly [string, string])[] {
  return Object.entries(value).flatMap(([name, field]: [string, unknown]) => {
    if (field === undefined) return [[name, 'none']];
    if (typeof field !== 'object' || field === null || Array.isArray(field)) return [[name, String(field)]];
    return flat(field).map(([inner, text]): [string, string] => [`${name}.${inner}`, text]);
  });
}
