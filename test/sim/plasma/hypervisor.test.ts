import { beforeEach, describe, expect, test } from 'vitest';

import { type Hypervisor, type HypervisorReport } from '../../../core/plasma/hypervisor.ts';
import { type InstanceId, type VmSpec } from '../../../core/plasma/types.ts';
import { SimulatedHypervisors } from '../../../sim/plasma/hypervisor.ts';
import { type Execution, type GuestWrite } from '../../../sim/plasma/hypervisor-types.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { World } from '../../../sim/world.ts';

const vm = `vm-${'1'.repeat(32)}`;
const second = 1_000_000;
const spec: VmSpec = {
  ...{ name: 'guest', project: 'project', labels: {}, cpus: 1, memoryBytes: 1_048_576, nics: [] },
  ...{
    cloudInit: undefined,
    restartPolicy: 'never',
    leasePolicy: 'must-stop',
    nodeSelector: {},
    affinity: [],
  },
  ...{ priority: 0, migratable: true },
  disks: [{ name: 'data', kind: 'shared', image: undefined, sharedDisk: 'data', sizeBytes: 1_048_576 }],
};

describe('simulated hypervisors, as the simulation sees them', () => {
  let world: World;
  let hypervisors: SimulatedHypervisors;
  let writes: GuestWrite[];
  let executions: Execution[];
  let reached: boolean;
  let reports: HypervisorReport[];
  let actId: number;

  beforeEach(() => {
    begin('hypervisors');
  });

  function begin(seed: string): void {
    [world, writes, executions, reports, reached, actId] = [new World(), [], [], [], true, 0];
    hypervisors = new SimulatedHypervisors({
      world,
      prng: seededPrng(seed),
      write: (write) => writes.push(write),
      reaches: () => reached,
      executionBegan: (execution) => executions.push(execution),
      executionEnded: (ended) => {
        executions = executions.map((one) =>
          one.toUs === undefined && one.fromUs === ended.fromUs && one.node === ended.node ? ended : one,
        );
      },
    });
  }

  function agentOn(node: string): Hypervisor {
    const hypervisor = hypervisors.machine(node).hypervisor();
    hypervisor.onReport = (report) => reports.push(report);
    return hypervisor;
  }

  function launch(hypervisor: Hypervisor, how: { fenceToken: number; incoming?: boolean }): InstanceId {
    const start = { vm, fenceToken: how.fenceToken, spec, exports: { data: 'nbd://storage/data' } };
    actId += 2;
    hypervisor.act({ kind: 'prepare', actId: actId - 1, ...start });
    hypervisor.act({ kind: 'launch', actId, ...start, incoming: how.incoming ?? false, paused: false });
    const launched = (): HypervisorReport | undefined =>
      reports.find((report) => report.kind === 'launched' && report.actId === actId);
    world.runUntil(world.nowUs + 10 * second, () => launched() !== undefined);
    const report = launched();
    if (report?.kind !== 'launched') throw new Error(JSON.stringify(reports));
    return report.instance;
  }

  const pass = (us: number): void => world.runUntil(world.nowUs + us);

  test('a guest writes its ticks to its shared disk while it executes, by the true clock', () => {
    const a = agentOn('a');
    const instance = launch(a, { fenceToken: 4 });
    pass(second);
    expect(hypervisors.executing()).toMatchObject([{ node: 'a', instance, toUs: undefined }]);
    expect(writes.length).toBeGreaterThanOrEqual(9);
    expect(writes[0]).toEqual({
      node: 'a',
      instance,
      disk: 'data',
      exportUri: 'nbd://storage/data',
      tick: 1,
    });
    expect(writes.map(({ tick }) => tick)).toEqual(writes.map((_, at) => at + 1));
    a.act({ kind: 'kill', actId: 99, instance });
    pass(second);
    expect(hypervisors.executing()).toEqual([]);
    const [execution] = executions;
    expect(executions).toHaveLength(1);
    expect((execution?.toUs ?? 0) - (execution?.fromUs ?? 0)).toBeGreaterThanOrEqual(second);
  });

  test('an agent that dies leaves its guests executing, and hears nothing any more', () => {
    const a = agentOn('a');
    const instance = launch(a, { fenceToken: 4 });
    const heard = reports.length;
    a.act({ kind: 'pause', actId: 99, instance });
    hypervisors.machine('a').agentDied();
    pass(5 * second);
    expect(hypervisors.executing()).toHaveLength(1);
    hypervisors.machine('a').killProcess(instance.pid, instance.startTicks);
    pass(second);
    expect(hypervisors.executing()).toEqual([]);
    expect(reports).toHaveLength(heard);
    expect(hypervisors.machine('a').killProcess(instance.pid, instance.startTicks)).toBe(false);
  });

  test('a launch that its agent does not outlive leaves no guest that executes', () => {
    for (let diesAfterUs = 0; diesAfterUs < 700_000; diesAfterUs += 20_000) {
      begin(`launch ${diesAfterUs}`);
      const a = agentOn('a');
      const start = { vm, fenceToken: 4, spec, exports: { data: 'nbd://storage/data' } };
      a.act({ kind: 'prepare', actId: 1, ...start });
      a.act({ kind: 'launch', actId: 2, ...start, incoming: false, paused: false });
      pass(diesAfterUs);
      const told = reports.some(({ kind }) => kind === 'launched');
      hypervisors.machine('a').agentDied();
      pass(5 * second);
      expect(hypervisors.executing()).toHaveLength(told ? 1 : 0);
    }
  });

  test('a frozen machine executes nothing and hears nothing, and goes on where it was', () => {
    const a = agentOn('a');
    const instance = launch(a, { fenceToken: 4 });
    pass(second);
    hypervisors.machine('a').freeze();
    const written = writes.length;
    a.act({ kind: 'kill', actId: 99, instance });
    pass(60 * second);
    expect(hypervisors.executing()).toEqual([]);
    expect(writes).toHaveLength(written);
    expect(hypervisors.machine('a').instances).toHaveLength(1);
    hypervisors.machine('a').thaw();
    pass(second);
    expect(hypervisors.machine('a').instances).toEqual([]);
    expect(reports.at(-1)).toEqual({ kind: 'done', actId: 99 });
  });

  test('without power no process is left, files are', () => {
    const instance = launch(agentOn('a'), { fenceToken: 4 });
    hypervisors.machine('a').powerOff();
    expect(hypervisors.executing()).toEqual([]);
    const a = agentOn('a');
    a.act({ kind: 'inventory', actId: 99 });
    pass(second);
    const files = [{ vm, fenceToken: 4 }];
    expect(reports.at(-1)).toMatchObject({ kind: 'inventoried', instances: [], files });
    expect(hypervisors.machine('a').killProcess(instance.pid, instance.startTicks)).toBe(false);
  });

  test.each(['fail', 'hang'] as const)('the next act of a kind can be made to %s', (kind) => {
    const a = agentOn('a');
    hypervisors.machine('a').fault({ act: 'prepare', kind });
    a.act({ kind: 'prepare', actId: 1, vm, fenceToken: 4, spec, exports: { data: 'nbd://storage/data' } });
    pass(second);
    expect(reports.length).toBe(kind === 'fail' ? 1 : 0);
    pass(120 * second);
    expect(reports).toMatchObject([{ kind: 'failed', actId: 1 }]);
    launch(a, { fenceToken: 4 });
  });

  test('at no time of a migration do both ends execute, whenever the network breaks', () => {
    for (let breaksAfterUs = 0; breaksAfterUs < 3 * second; breaksAfterUs += 150_000) {
      begin(`migration ${breaksAfterUs}`);
      const [a, b] = [agentOn('a'), agentOn('b')];
      const source = launch(a, { fenceToken: 4 });
      const target = launch(b, { fenceToken: 5, incoming: true });
      const uri = reports.flatMap((report) =>
        report.kind === 'launched' ? [report.incomingUri ?? ''] : [],
      )[1];
      a.act({ kind: 'migrateOut', actId: 98, instance: source, uri: uri ?? '' });
      world.after(breaksAfterUs, () => (reached = false));
      const stopped = (): boolean => reports.some((report) => report.kind === 'stoppedBeforeHandOver');
      world.runUntil(world.nowUs + 10 * second, stopped);
      if (stopped()) a.act({ kind: 'handOver', actId: 99, instance: source });
      pass(10 * second);
      const sourceEnds = executions.find(({ node }) => node === 'a')?.toUs ?? Infinity;
      const targetBegins = executions.find(({ node }) => node === 'b')?.fromUs ?? Infinity;
      expect(executions.filter(({ node }) => node === 'a')).toHaveLength(1);
      expect(targetBegins > sourceEnds || targetBegins === Infinity).toBe(true);
      expect(hypervisors.executing().length).toBeLessThanOrEqual(1);
      expect(target.vm).toBe(vm);
    }
  });

  test('the same seed draws the same', () => {
    const run = (): readonly unknown[] => {
      begin('same');
      const a = agentOn('a');
      const instance = launch(a, { fenceToken: 4 });
      a.act({ kind: 'powerDown', actId: 99, instance });
      pass(10 * second);
      return [executions, reports, writes.length];
    };
    expect(run()).toEqual(run());
  });
});
