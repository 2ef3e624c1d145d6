import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeWith } from './requirement.ts';
import { Twins } from './twins.ts';

/** What etcdctl's own workload takes, a minute, and room for a machine that is busy. */
const workloadMs = 150_000;

describeWith(['etcdctl', 'etcd'], 'etcdctl check perf', () => {
  let twins: Twins;
  beforeAll(async () => {
    twins = await Twins.start();
  });
  afterAll(() => twins?.stop());

  /** The verdicts without their figures: what was measured, whatever came of it. */
  function measured(output: string): readonly string[] {
    return output
      .split('\n')
      .map((line) => /Throughput|Slowest request|Stddev/.exec(line)?.[0])
      .filter((what) => what !== undefined)
      .sort((left, right) => (left < right ? -1 : left > right ? 1 : 0));
  }

  test('completes against three members as against etcd, and measures the same', async () => {
    const args = ['check', 'perf', '--load=s', '--prefix=perf/', '--auto-compact', '--auto-defrag'];
    await twins.same(async (side) => {
      const { stdout, stderr } = await side.runFor(workloadMs, ...args);
      // Its verdict is of the machine: what is the same is that it came to one, on everything that it measures.
      expect(measured(stdout), stdout + stderr).toEqual(['Slowest request', 'Stddev', 'Throughput']);
      // Its keys are gone again.
      return side.run('get', '--prefix', 'perf/', '--keys-only');
    });
  });
});
