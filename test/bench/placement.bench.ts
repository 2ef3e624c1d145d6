/**
 * How fast virtual machines are placed. `scheduler`: among many nodes, with affinity rules on; the search alone, one core, nothing of
 * the network or the store, and beside it a plain loop over objects. `committed`: created through a server of the control plane, each
 * durable in three members of Chainfire before it is answered, all as processes; beside it the same bytes put by a client that
 * decides nothing.
 *
 * `npm run bench -- placement [--only scheduler|committed] [--nodes N] [--placements N] [--policy POLICY] [--quick] [--json FILE]`
 */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';

import { placementPolicies } from '../../core/plasma/placement/policy.ts';
import { benchArguments, BenchRefusal } from './arguments.ts';
import { busyCores, describeMachine } from './chainfire/usage.ts';
import { committedTable } from './placement/committed-table.ts';
import { type CommittedResults, measureCommitted } from './placement/committed.ts';
import { measureScheduling, type Scheduling, schedulingTable } from './placement/scheduling.ts';

const usage = `npm run bench -- placement [--only scheduler|committed] [--nodes N] [--placements N] [--policy POLICY]
  [--under-way N,…] [--renew-seconds N] [--dir DIR] [--quick] [--json FILE]`;
const parts = ['scheduler', 'committed'] as const;

function wholeNumber(name: string, text: string, max: number): number {
  const number = Number(text);
  if (!/^\d{1,9}$/.test(text) || number < 1 || number > max)
    throw new BenchRefusal(`--${name} is ${text}: a whole number of 1 to ${max}\n\n${usage}`);
  return number;
}

function oneOf<const T extends string>(
  name: string,
  text: string | undefined,
  all: readonly T[],
): readonly T[] {
  const chosen = all.filter((each) => text === undefined || text === each);
  if (chosen.length > 0) return chosen;
  throw new BenchRefusal(`--${name} is ${text ?? ''}: one of ${all.join(', ')}\n\n${usage}`);
}

function say(text: string): void {
  process.stderr.write(`${new Date().toISOString().slice(11, 19)}  ${text}\n`);
}

async function main(): Promise<void> {
  const values = benchArguments(
    process.argv.slice(2),
    {
      only: { type: 'string' },
      nodes: { type: 'string' },
      placements: { type: 'string' },
      policy: { type: 'string' },
      'under-way': { type: 'string', default: '64,256,512' },
      'renew-seconds': { type: 'string' },
      dir: { type: 'string', default: tmpdir() },
      quick: { type: 'boolean', default: false },
      json: { type: 'string' },
    },
    usage,
  );
  const nodes = values.nodes === undefined ? undefined : wholeNumber('nodes', values.nodes, 1_000_000);
  const placements =
    values.placements === undefined ? undefined : wholeNumber('placements', values.placements, 10_000_000);
  const policies = oneOf('policy', values.policy, placementPolicies);
  const only = oneOf('only', values.only, parts);
  const underWay = values['under-way'].split(',').map((each) => wholeNumber('under-way', each, 10_000));
  const machine = `${describeMachine()}; others used ${(await busyCores(1_000)).toFixed(2)} cores`;
  process.stdout.write(`${machine}\n`);
  let scheduling: Scheduling | undefined;
  if (only.includes('scheduler')) {
    scheduling = measureScheduling({
      nodes: nodes ?? 10_000,
      placements: placements ?? (values.quick ? 5_000 : 50_000),
      policies,
    });
    process.stdout.write(`\n${schedulingTable(scheduling).join('\n')}\n`);
  }
  const committed: CommittedResults[] = [];
  if (only.includes('committed')) {
    // Agents renew every 2 s, and wait to hear: 10,000 of them would take the two cores for themselves.
    const sizes = nodes === undefined ? (values.quick ? [1_000] : [1_000, 10_000]) : [nodes];
    for (const size of sizes) {
      const renewSeconds = wholeNumber(
        'renew-seconds',
        values['renew-seconds'] ?? (size > 2_000 ? '8' : '2'),
        9,
      );
      const results = await measureCommitted(
        {
          ...{ dir: values.dir, nodes: size, renewSeconds, underWay, watching: size <= 2_000 },
          creates: placements ?? (values.quick ? 3_000 : 10_000),
          withEtcd: size === sizes[0] && spawnSync('etcd', ['--version']).status === 0,
        },
        say,
      );
      committed.push(results);
      process.stdout.write(`\n${committedTable(results).join('\n')}\n`);
    }
  }
  if (values.json !== undefined)
    writeFileSync(values.json, `${JSON.stringify({ machine, scheduling, committed }, undefined, 2)}\n`);
}

try {
  await main();
} catch (error) {
  if (!(error instanceof BenchRefusal)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = 2;
}
