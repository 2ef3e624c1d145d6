import { scenarioNamed } from '../../scenarios/registry.ts';
import { chronikScenarioNamed } from '../../scenarios/chronik/registry.ts';
import { plasmaScenarioNamed } from '../../scenarios/plasma/registry.ts';
import { swimScenarioNamed } from '../../scenarios/swim/registry.ts';
import { type ChronikScenarioSource } from '../../sim/chronik/plan.ts';
import { runChronik } from '../../sim/chronik/run.ts';
import { compareSecondChronikRun } from '../../sim/chronik/second-run.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { type PlasmaScenarioSource } from '../../sim/plasma/plan.ts';
import { runPlasma } from '../../sim/plasma/run.ts';
import { compareSecondPlasmaRun } from '../../sim/plasma/second-run.ts';
import { compareSecondRun } from '../../sim/second-run.ts';
import { type SwimScenarioSource } from '../../sim/swim/plan.ts';
import { runSwim } from '../../sim/swim/run.ts';
import { compareSecondSwimRun } from '../../sim/swim/second-run.ts';
import { type TraceSink } from '../../sim/trace.ts';
import { type Job, type JobDone } from './job.ts';

export function runJob(job: Job, trace?: TraceSink): JobDone {
  const gossip = job.plan === undefined ? swimScenarioNamed(job.scenario) : undefined;
  if (gossip !== undefined) return runSwimJob(job, gossip, trace);
  const brokers = job.plan === undefined ? chronikScenarioNamed(job.scenario) : undefined;
  if (brokers !== undefined) return runChronikJob(job, brokers, trace);
  const cloud = job.plan === undefined ? plasmaScenarioNamed(job.scenario) : undefined;
  if (cloud !== undefined) return runPlasmaJob(job, cloud, trace);
  const startMs = performance.now();
  const plan = () => job.plan ?? scenarioNamed(job.scenario).plan(job.seed);
  let result = runJudged(plan(), job.seed, trace === undefined ? {} : { trace });
  if (job.twice && result.violation === undefined) {
    const violation = compareSecondRun(plan, job.seed, result);
    result = { ...result, violation };
  }
  const failed = result.violation === undefined ? undefined : plan();
  return { kind: 'ran', job, result, wallMs: performance.now() - startMs, failed };
}

/** Gossip has a run of its own. Its schedules are short as they are: nothing shrinks them, so none is given back. */
function runSwimJob(job: Job, source: SwimScenarioSource, trace: TraceSink | undefined): JobDone {
  const startMs = performance.now();
  const plan = () => source.plan(job.seed);
  let result = runSwim(plan(), job.seed, { trace });
  if (job.twice && result.violation === undefined) {
    result = { ...result, violation: compareSecondSwimRun(plan, job.seed, result) };
  }
  return { kind: 'ran', job, result, wallMs: performance.now() - startMs, failed: undefined };
}

/** Brokers have a run of their own, too, and nothing shrinks its schedules. */
function runChronikJob(job: Job, source: ChronikScenarioSource, trace: TraceSink | undefined): JobDone {
  const startMs = performance.now();
  const plan = () => source.plan(job.seed);
  let result = runChronik(plan(), job.seed, { trace });
  if (job.twice && result.violation === undefined) {
    result = { ...result, violation: compareSecondChronikRun(plan, job.seed, result) };
  }
  return { kind: 'ran', job, result, wallMs: performance.now() - startMs, failed: undefined };
}

/** And so has a cloud. */
function runPlasmaJob(job: Job, source: PlasmaScenarioSource, trace: TraceSink | undefined): JobDone {
  const startMs = performance.now();
  const plan = () => source.plan(job.seed);
  let result = runPlasma(plan(), job.seed, { trace });
  if (job.twice && result.violation === undefined) {
    result = { ...result, violation: compareSecondPlasmaRun(plan, job.seed, result) };
  }
  return { kind: 'ran', job, result, wallMs: performance.now() - startMs, failed: undefined };
}
