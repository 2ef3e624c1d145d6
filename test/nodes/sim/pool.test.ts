import { afterEach, expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { type Job } from '../../../nodes/sim/job.ts';
import { SeedPool } from '../../../nodes/sim/pool.ts';
import { canary, canaryInvariant, canaryMutant } from '../../../scenarios/canary.ts';
import { type Fault } from '../../../sim/fault.ts';

const testMsMax = 60_000;
let pool: SeedPool | undefined;

afterEach(async () => {
  await pool?.close();
});

function pooled(threads: number, mutants: readonly string[] = []): SeedPool {
  pool = new SeedPool({ threads, mutants });
  return pool;
}

const job = (seed: number, changes: Partial<Job> = {}): Job => {
  return { scenario: canary.name, seed, twice: false, plan: short(seed), ...changes };
};
const short = (seed: number) => ({ ...canary.plan(seed), faults: [], durationUs: 1_000_000 });

test(
  'jobs beyond the threads wait in line, and each gets its own result',
  async () => {
    const two = pooled(2);
    const done = await Promise.all([1, 2, 3, 4, 5].map((seed) => two.do(job(seed))));
    expect(done.map((each) => each.kind === 'ran' && each.result.seed)).toEqual([1, 2, 3, 4, 5]);
  },
  testMsMax,
);

/** Down and up again in no time: simulated time stands still. */
const endlessFlap: Fault = {
  kind: 'flap',
  atUs: 500_000,
  forUs: 100_000,
  between: [nodeId(1), nodeId(2)],
  downUs: 0,
  upUs: 0,
};

test(
  'a run without end is given up, and its thread replaced',
  async () => {
    const plan = {
      ...short(1),
      faults: [endlessFlap],
    };
    const one = pooled(1);
    const [endless, next] = await Promise.all([one.do(job(1, { plan }), { msMax: 3_000 }), one.do(job(2))]);
    expect(endless).toMatchObject({ kind: 'broke', reason: 'no end: it was given up after 3 s' });
    expect(next).toMatchObject({ kind: 'ran', result: { seed: 2, violation: undefined } });
  },
  testMsMax,
);

test(
  'a thread that cannot start fails whoever waits for it',
  async () => {
    const one = pooled(1, ['no-such-mutant']);
    const both = await Promise.allSettled([one.do(job(1)), one.do(job(2))]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  },
  testMsMax,
);

test(
  'what failed comes back with the plan that failed, and its trace before it',
  async () => {
    const lines: string[] = [];
    const planted = pooled(1, [canaryMutant]);
    const done = await planted.do(
      { scenario: canary.name, seed: 1, twice: false, traced: true },
      { traced: (more) => lines.push(...more) },
    );
    expect(done).toMatchObject({ kind: 'ran', failed: { name: canary.name } });
    expect(lines.at(-1)).toContain(`violation: ${canaryInvariant}`);
  },
  testMsMax,
);
