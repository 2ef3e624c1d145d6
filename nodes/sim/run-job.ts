import { scenarioNamed } from '../../scenarios/registry.ts';
import { runJudged } from '../../sim/judged-run.ts';
import { type Job, type JobDone } from './job.ts';

export function runJob(job: Job): JobDone {
  const startMs = performance.now();
  const source = scenarioNamed(job.scenario);
  let result = runJudged(source.plan(job.seed), job.seed);
  if (job.twice) {
    const again = runJudged(source.plan(job.seed), job.seed);
    if (again.hash !== result.hash && result.violation === undefined) {
      const detail = `nondeterminism: hash ${result.hash} the first time, ${again.hash} the second`;
      result = { ...result, violation: { invariant: 'nondeterminism', site: 'hash', detail, atUs: 0 } };
    }
  }
  return { kind: 'ran', job, result, wallMs: performance.now() - startMs };
}
