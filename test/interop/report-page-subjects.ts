import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { SeedPool } from '../../nodes/sim/pool.ts';
import { collectEvidence } from '../../reports/evidence/collect.ts';
import { Inspector } from '../../reports/evidence/inspector.ts';
import { type NodeState } from '../../reports/evidence/types.ts';
import { type RecordingPage, type RunPage } from '../../reports/page/page-data.ts';
import { stateTable } from '../../reports/page/model/state-table.ts';
import { SummaryBuilder } from '../../reports/summary.ts';
import { canary } from '../../scenarios/canary.ts';
import { scenarioNamed } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { type Repro } from '../../sim/repro.ts';
import { type RunResult, type Scenario } from '../../sim/types.ts';
// `import type` vanishes: the thread's code must not run here.
import type { StatesWanted } from './report-page-states.ts';

const mutant = 'vote-before-durable';
const scenario = 'crashing-voters';
const invariant = 'vote-once';
const seedsMax = 20;

export interface Failing {
  readonly repro: Repro;
  /** Position of a fault without which the run ends well. */
  readonly decisive: number;
}

/** A real failure, found by threads that carry the planted bug, and cut off where it was seen. */
export async function failingRun(): Promise<Failing> {
  const pool = new SeedPool({ threads: 1, mutants: [mutant] });
  try {
    for (let seed = 1; seed <= seedsMax; seed += 1) {
      const plan = scenarioNamed(scenario).plan(seed);
      const found = await resultOf(plan, seed, pool);
      if (found.violation?.invariant !== invariant) continue;
      const { atUs } = found.violation;
      const cut = { ...plan, durationUs: atUs + 1, faults: plan.faults.filter((fault) => fault.atUs < atUs) };
      const repro = reproOf(cut, await resultOf(cut, seed, pool), found.events, plan);
      return { repro, decisive: await decisiveFault(repro, pool) };
    }
  } finally {
    await pool.close();
  }
  throw new Error(`${seedsMax} seeds of ${scenario} with ${mutant} do not violate ${invariant}`);
}

function reproOf(cut: Scenario, result: RunResult, events: number, plan: Scenario): Repro {
  const { violation, seed, hash } = result;
  if (violation?.invariant !== invariant)
    throw new Error('the run that was cut off does not end as it did before');
  return {
    ...{ format: 1, commit: undefined, dirty: true, mutant, seed, scenario: cut, violation, hash },
    events: result.events,
    original: {
      ...{ scenario, seed, faults: plan.faults, durationUs: plan.durationUs },
      ...{ clients: plan.workload.clients, events },
    },
  };
}

async function decisiveFault({ scenario: plan, seed }: Repro, pool: SeedPool): Promise<number> {
  // The last ones first: what came just before is likeliest to have been the cause.
  for (let position = plan.faults.length - 1; position >= 0; position -= 1) {
    const without = { ...plan, faults: plan.faults.filter((_, other) => other !== position) };
    if ((await resultOf(without, seed, pool)).violation === undefined) return position;
  }
  throw new Error('the violation does not hang on any one fault');
}

async function resultOf(plan: Scenario, seed: number, pool: SeedPool): Promise<RunResult> {
  const done = await pool.do({ scenario: plan.name, seed, plan, twice: false });
  if (done.kind === 'broke') throw new Error(done.reason);
  return done.result;
}

/** The states that Node computes for these steps, with the bug planted in a thread of its own. */
export async function statesInNode(
  repro: Repro,
  steps: readonly number[],
): Promise<readonly (readonly NodeState[])[]> {
  const wanted: StatesWanted = {
    mutant: repro.mutant ?? '',
    scenario: repro.scenario,
    seed: repro.seed,
    steps,
  };
  const worker = new Worker(new URL('./report-page-states.ts', import.meta.url), { workerData: wanted });
  try {
    const [states] = (await once(worker, 'message')) as [readonly (readonly NodeState[])[]];
    return states;
  } finally {
    await worker.terminate();
  }
}

/** What the page's table says of these states, line by line. */
export function tableLines(states: readonly NodeState[]): readonly string[] {
  return stateTable(states, undefined).sections.flatMap(({ name, rows }) => [
    name,
    ...rows.map(({ field, cells }) => [field, ...cells.map(({ text }) => text ?? '–')].join(' ')),
  ]);
}

/** What one node did, with its states: a cluster of one member, since what is shown is one member. */
export function recordingPage(): RecordingPage {
  const plan = canary.plan(1);
  const alone = {
    ...plan,
    cluster: { ...plan.cluster, members: 1 },
    faults: [],
    floors: {},
    durationUs: 1_000_000,
  };
  const evidence = collectEvidence(alone, 1);
  const inspector = new Inspector(alone, 1);
  const states = evidence.steps.flatMap((_, step) => inspector.at(step));
  return { kind: 'recording', evidence, states, replayCommand: 'npx photon sim replay --recording DIR' };
}

/** Two seeds that pass. */
export function passingPage(): RunPage {
  const summary = new SummaryBuilder();
  for (const seed of [1, 2]) summary.add(runJudged(canary.plan(seed), seed), 10 * seed);
  return {
    kind: 'run',
    summary: summary.build({
      ...{ commit: undefined, dirty: true, scenarios: [canary.name], shard: undefined, wallSeconds: 1 },
    }),
  };
}
