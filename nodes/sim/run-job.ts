import { scenarioNamed } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { compareSecondRun } from '../../sim/second-run.ts';
import { type TraceSink } from '../../sim/trace.ts';
import { type Job, type JobDone } from './job.ts';

export function runJob(job: Job, trace?: TraceSink): JobDone {
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
