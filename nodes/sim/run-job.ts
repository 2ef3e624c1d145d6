import { scenarioNamed } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { type TraceSink } from '../../sim/trace.ts';
import { type Job, type JobDone } from './job.ts';

export function runJob(job: Job, trace?: TraceSink): JobDone {
  const startMs = performance.now();
  const plan = () => job.plan ?? scenarioNamed(job.scenario).plan(job.seed);
  let result = runJudged(plan(), job.seed, trace === undefined ? {} : { trace });
  if (job.twice) {
    const again = runJudged(plan(), job.seed);
    if (again.hash !== result.hash && result.violation === undefined) {
      const detail = `nondeterminism: hash ${result.hash} the first time, ${again.hash} the second`;
      result = { ...result, violation: { invariant: 'nondeterminism', site: 'hash', detail, atUs: 0 } };
    }
  }
  return { kind: 'ran', job, result, wallMs: performance.now() - startMs };
}
