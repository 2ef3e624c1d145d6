import { scenarioNamed } from '../../scenarios/registry.ts';
import { chronikScenarioNamed } from '../../scenarios/chronik/registry.ts';
import { plasmaScenarioNamed } from '../../scenarios/plasma/registry.ts';
import { swimScenarioNamed } from '../../scenarios/swim/registry.ts';
import { runChronik } from '../../sim/chronik/run.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { runPlasma } from '../../sim/plasma/run.ts';
import { compareSecondRun, secondRunDiffers } from '../../sim/second-run.ts';
import { runSwim } from '../../sim/swim/run.ts';
import { compareSecondSwimRun } from '../../sim/swim/second-run.ts';
import { type TraceSink } from '../../sim/trace.ts';
import { type RunResult, type Scenario } from '../../sim/types.ts';
import { type Job, type JobDone } from './job.ts';

/** How jobs of one scenario are run: each system has a run of its own. */
interface JobRun {
  run(trace?: TraceSink): RunResult;
  compareSecond(first: RunResult): RunResult['violation'];
  /** What can be made small when it has failed. Undefined: nothing shrinks these schedules. */
  readonly shrinkable?: () => Scenario;
}

export function runJob(job: Job, trace?: TraceSink): JobDone {
  const startMs = performance.now();
  const runs = (job.plan === undefined ? ofAnotherSystem(job) : undefined) ?? ofChainfire(job);
  let result = runs.run(trace);
  if (job.twice && result.violation === undefined)
    result = { ...result, violation: runs.compareSecond(result) };
  const failed = result.violation === undefined ? undefined : runs.shrinkable?.();
  return { kind: 'ran', job, result, wallMs: performance.now() - startMs, failed };
}

function ofChainfire({ scenario, seed, plan: given }: Job): JobRun {
  const plan = (): Scenario => given ?? scenarioNamed(scenario).plan(seed);
  return {
    run: (trace) => runJudged(plan(), seed, trace === undefined ? {} : { trace }),
    compareSecond: (first) => compareSecondRun(plan, seed, first),
    shrinkable: plan,
  };
}

/** @returns undefined when the scenario is none of theirs */
function ofAnotherSystem({ scenario, seed }: Job): JobRun | undefined {
  const gossip = swimScenarioNamed(scenario);
  if (gossip !== undefined) {
    return {
      run: (trace) => runSwim(gossip.plan(seed), seed, { trace }),
      compareSecond: (first) => compareSecondSwimRun(() => gossip.plan(seed), seed, first),
    };
  }
  const brokers = chronikScenarioNamed(scenario);
  if (brokers !== undefined) return ranAgain((trace) => runChronik(brokers.plan(seed), seed, { trace }));
  const cloud = plasmaScenarioNamed(scenario);
  if (cloud !== undefined) return ranAgain((trace) => runPlasma(cloud.plan(seed), seed, { trace }));
  return undefined;
}

function ranAgain(run: JobRun['run']): JobRun {
  return { run, compareSecond: (first) => secondRunDiffers(first, run()) };
}
