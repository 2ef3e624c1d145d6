import { afterAll, beforeAll, expect, test } from 'vitest';

import { describeWith } from './requirement.ts';
import { etcdctl } from './command.ts';
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
    twins.cluster.showLogsOnFailure();
    const args = ['check', 'perf'];
    const [ours, theirs] = await Promise.all([
      etcdctl(twins.cluster.endpoints, args, '', workloadMs),
      etcdctl(twins.etcd.endpoint, args, '', workloadMs),
    ]);
    expect(measured(ours.stdout), ours.stdout + ours.stderr).toEqual([
      'Slowest request',
      'Stddev',
      'Throughput',
    ]);
    expect(measured(theirs.stdout), theirs.stdout + theirs.stderr).toEqual(measured(ours.stdout));
    // Its keys are gone again.
    const left = ['get', '--prefix', '/etcdctl-check-perf/', '--keys-only'];
    expect((await etcdctl(twins.cluster.endpoints, left)).stdout).toBe('');
  });
});
