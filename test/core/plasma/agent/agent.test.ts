import { expect, test } from 'vitest';
import { Bench, kindOf } from './bench.ts';
import { desiredVm, run, vmId } from './specs.ts';

test('a virtual machine that is wanted runs, and that is told', () => {
  const bench = new Bench();
  bench.serve(desiredVm({ want: run }));
  expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
  expect(bench.reported.get(vmId(1))).toEqual({
    vm: vmId(1),
    fenceToken: 1,
    generation: 1,
    state: 'running',
    instance: { vm: vmId(1), fenceToken: 1, pid: 100, startTicks: 1_000 },
    cause: undefined,
    message: '',
    incomingUri: undefined,
    operations: [],
    restarts: 0,
  });
  expect(bench.acts.map(kindOf)).toEqual([]);
});
