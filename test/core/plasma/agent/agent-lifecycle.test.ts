import { describe, expect, test } from 'vitest';
import { defaultAgentSettings } from '../../../../core/plasma/agent/protocol.ts';
import { type EndCause, type RestartPolicy } from '../../../../core/plasma/types.ts';
import { Bench, kindOf } from './bench.ts';
import { desiredVm, paused, run, sharedRoot, spec, stopped, stoppedAtOnce, vmId } from './specs.ts';

const { restartUsMin, restartUsMax, restartResetUs, launchAttemptsMax, powerDownUs } = defaultAgentSettings;

function ends(bench: Bench, cause: EndCause): void {
  const process = bench.hypervisor.of(vmId(1));
  if (process === undefined) throw new Error('it runs');
  for (const report of bench.hypervisor.end(process.instance, cause)) bench.hypervisorReport(report);
  bench.settle();
}

describe('what a user wants of a virtual machine', () => {
  test('is done one thing after the other: paused, running, stopped', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    for (const [generation, want, state] of [
      [2, paused, 'paused'],
      [3, run, 'running'],
    ] as const) {
      bench.want(desiredVm({ generation, want }));
      bench.settle();
      expect(bench.hypervisor.of(vmId(1))?.state).toBe(state);
      expect(bench.reported.get(vmId(1))).toMatchObject({ state, generation });
    }
    bench.want(desiredVm({ generation: 4, want: stopped }));
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({
      state: 'stopped',
      generation: 4,
      cause: 'guest-shutdown',
    });
    bench.want(desiredVm({ generation: 5, want: run }));
    bench.settle();
    expect(bench.hypervisor.launches).toBe(2);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', restarts: 0 });
  });

  test('paused from the start: its guest never runs', () => {
    const bench = new Bench();
    bench.held.add('resume');
    bench.serve(desiredVm({ want: paused }));
    bench.pass(1_000_000);
    expect(bench.acts.map(kindOf)).toEqual([]);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'paused', generation: 1 });
  });

  test('a guest that does not shut down when it is asked to is killed after a while', () => {
    const bench = new Bench();
    bench.hypervisor.obedient = false;
    bench.serve(desiredVm());
    bench.want(desiredVm({ generation: 2, want: stopped }));
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'stopping' });
    bench.pass(powerDownUs - 1);
    expect(bench.hypervisor.processes.size).toBe(1);
    bench.pass(1);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'stopped', cause: 'killed' });
  });

  test('a guest that is stopped by force is not asked', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('powerDown');
    bench.want(desiredVm({ generation: 2, want: stoppedAtOnce }));
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'stopped', cause: 'killed' });
  });

  test('what leaves its node stops and stays there; what is to be removed leaves nothing', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.want(desiredVm({ generation: 2, want: { kind: 'evict' } }));
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'stopped', generation: 2 });
    expect(bench.hypervisor.files.size).toBe(1);
    bench.want(desiredVm({ generation: 3, want: { kind: 'remove' } }));
    bench.settle();
    expect(bench.hypervisor.files.size).toBe(0);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'gone', generation: 3 });
    bench.want();
    bench.settle();
    expect(bench.agent.view.vms).toEqual([]);
  });

  test('what is not named any more is left as it is', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.want();
    bench.pass(30_000_000);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    expect(bench.hypervisor.files.size).toBe(1);
  });

  test('an older revision, or an older generation, changes nothing', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ generation: 5 }));
    bench.revision = 9;
    bench.want(desiredVm({ generation: 5 }));
    bench.settle();
    bench.revision = 4;
    bench.want(desiredVm({ generation: 6, want: stopped }));
    bench.settle();
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    bench.revision = 20;
    bench.want();
    bench.pass(20_000_000);
    bench.want(desiredVm({ generation: 4, want: stopped }));
    bench.settle();
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
  });

  test('an older token than the newest of it on the node starts nothing', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ fenceToken: 3, want: stopped }), desiredVm({ fenceToken: 2 }));
    expect(bench.hypervisor.launches).toBe(0);
  });

  test('a new place on the same node waits until the process of the old one is gone', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('kill');
    bench.want(
      desiredVm({ generation: 2, want: { kind: 'remove' } }),
      desiredVm({ generation: 2, fenceToken: 2 }),
    );
    bench.pass(5_000_000);
    expect(bench.hypervisor.launches).toBe(1);
    bench.held.clear();
    bench.settle();
    expect(bench.hypervisor.violations).toEqual([]);
    expect(bench.hypervisor.of(vmId(1))?.instance.fenceToken).toBe(2);
  });
});

describe('a guest that ends by itself', () => {
  const table: readonly (readonly [RestartPolicy, EndCause, string])[] = [
    ['always', 'guest-shutdown', 'running'],
    ['on-failure', 'guest-shutdown', 'stopped'],
    ['never', 'guest-shutdown', 'stopped'],
    ['always', 'process-died', 'running'],
    ['on-failure', 'process-died', 'running'],
    ['never', 'process-died', 'failed'],
    ['on-failure', 'guest-reset', 'running'],
    ['never', 'guest-reset', 'failed'],
  ];
  for (const [restartPolicy, cause, state] of table) {
    test(`${cause} under ${restartPolicy}: ${state}, also after another start of the agent`, () => {
      const bench = new Bench();
      const desired = desiredVm({ spec: spec({ restartPolicy, leasePolicy: 'keep-running' }) });
      bench.serve(desired);
      ends(bench, cause);
      bench.pass(restartUsMin);
      expect(bench.reported.get(vmId(1))).toMatchObject({
        state,
        cause: state === 'running' ? undefined : cause,
        restarts: state === 'running' ? 1 : 0,
      });
      bench.restart();
      bench.serve(desired);
      bench.pass(restartUsMax);
      expect(bench.reported.get(vmId(1))).toMatchObject({ state, restarts: state === 'running' ? 1 : 0 });
      // A newer wish starts it in any case.
      bench.want({ ...desired, generation: 2 });
      bench.settle();
      expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', generation: 2 });
    });
  }

  test('again and again is started after waits that double, up to a bound, until it has run for long', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: spec({ leasePolicy: 'keep-running' }) }));
    const waits: number[] = [];
    for (let round = 0; round < 11; round += 1) {
      ends(bench, 'process-died');
      const endedAtUs = bench.nowUs;
      while (bench.hypervisor.of(vmId(1)) === undefined) bench.pass(restartUsMin);
      waits.push(Math.floor((bench.nowUs - endedAtUs) / restartUsMin));
    }
    expect(waits).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300]);
    bench.pass(restartResetUs);
    ends(bench, 'process-died');
    bench.pass(restartUsMin);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
  });

  test('a guest that has panicked is killed and started again', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    const instance = bench.hypervisor.of(vmId(1))?.instance;
    if (instance === undefined) throw new Error('it runs');
    bench.hypervisorReport({ kind: 'guestPanicked', instance });
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'preparing', cause: 'guest-panic' });
    bench.pass(restartUsMin);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', restarts: 1 });
  });
});

test('a guest that has panicked and is not to be started again stands, and what is asked of it besides ends', () => {
  const bench = new Bench();
  const never = spec({ restartPolicy: 'never' });
  bench.serve(desiredVm({ spec: never }));
  const instance = bench.hypervisor.of(vmId(1))?.instance;
  if (instance === undefined) throw new Error('it runs');
  bench.hypervisorReport({ kind: 'guestPanicked', instance });
  const grow = { id: 'grow', kind: 'resizeDisk', disk: 'root', fromBytes: 512 } as const;
  bench.want(desiredVm({ spec: never, generation: 2, operations: [grow] }));
  bench.pass(restartUsMin);
  expect(bench.hypervisor.launches).toBe(1);
  expect(bench.reported.get(vmId(1))).toMatchObject({
    message: 'the guest has panicked',
    generation: 2,
    operations: [{ id: 'grow', outcome: 'done' }],
  });
});

describe('a process that does not answer', () => {
  for (const [restartPolicy, launches, message] of [
    ['on-failure', 2, ''],
    ['never', 1, 'the process does not answer'],
  ] as const) {
    test(`under ${restartPolicy} is launched ${launches === 2 ? 'again, once it is gone' : 'no second time'}`, () => {
      const bench = new Bench();
      bench.serve(desiredVm({ spec: spec({ restartPolicy }) }));
      const instance = bench.hypervisor.of(vmId(1))?.instance;
      if (instance === undefined) throw new Error('it runs');
      bench.hypervisorReport({ kind: 'unresponsive', instance });
      bench.pass(restartUsMin);
      expect(bench.hypervisor.launches).toBe(launches);
      expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', message });
      bench.want(desiredVm({ generation: 2, want: stopped, spec: spec({ restartPolicy: 'never' }) }));
      bench.settle();
      expect(bench.hypervisor.processes.size).toBe(0);
    });
  }

  test('nor do what it is told: it is killed after so many attempts', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.hypervisor.failing = launchAttemptsMax;
    bench.want(desiredVm({ generation: 2, want: paused }));
    bench.pass(60_000_000);
    expect(bench.hypervisor.launches).toBe(2);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'paused', restarts: 1 });
  });
});

describe('a launch that fails', () => {
  test('is tried again so many times, then has failed, until something newer is wanted', () => {
    const bench = new Bench();
    bench.hypervisor.failing = launchAttemptsMax;
    bench.serve(desiredVm());
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'preparing', message: 'told to fail' });
    bench.pass(1_000_000_000);
    expect(bench.hypervisor.failing).toBe(0);
    expect(bench.reported.get(vmId(1))).toMatchObject({
      state: 'failed',
      cause: 'launch-failed',
      generation: 1,
      message: 'told to fail',
    });
    bench.want(desiredVm({ generation: 2 }));
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running' });
  });

  test('fewer times than that does no harm', () => {
    const bench = new Bench();
    bench.hypervisor.failing = launchAttemptsMax - 1;
    bench.serve(desiredVm());
    bench.pass(1_000_000_000);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', restarts: 0 });
  });
});

describe('a shared disk', () => {
  const shared = desiredVm({ spec: spec({ disks: [sharedRoot] }) });

  test('is opened for writing under the token before anything is prepared or launched', () => {
    const bench = new Bench();
    bench.held.add('callStorage');
    bench.serve(shared);
    expect(bench.acts).toMatchObject([
      {
        kind: 'callStorage',
        request: { kind: 'openExport', disk: 'shop/web-root', vm: vmId(1), fenceToken: 1, activate: true },
      },
    ]);
    expect(bench.hypervisor.files.size).toBe(0);
    bench.held.clear();
    bench.held.add('launch');
    bench.settle();
    expect(bench.hypervisorAct('launch')).toMatchObject({ exports: { root: 'nbd:shop/web-root#1' } });
  });

  test('whose token is stale has nothing started: it has failed, and is not tried again', () => {
    const bench = new Bench();
    bench.storage = () => ({ kind: 'refused', code: 'STALE_TOKEN', message: 'newest is 4', newest: 4 });
    bench.serve(shared);
    bench.pass(100_000_000);
    expect(bench.hypervisor.launches).toBe(0);
    expect(bench.storageAsked).toHaveLength(1);
    expect(bench.reported.get(vmId(1))).toMatchObject({
      state: 'failed',
      cause: 'launch-failed',
      message: 'storage node: STALE_TOKEN: newest is 4',
    });
  });

  test('that is not there is made', () => {
    const bench = new Bench();
    let made = false;
    bench.storage = (request) => {
      if (request.kind === 'createDisk') made = true;
      if (request.kind === 'createDisk') return { kind: 'created' };
      return made
        ? { kind: 'opened', uri: 'nbd:here', sizeBytes: sharedRoot.sizeBytes }
        : { kind: 'refused', code: 'NOT_FOUND', message: 'no such disk', newest: undefined };
    };
    bench.serve(shared);
    expect(bench.storageAsked.map(({ kind }) => kind)).toEqual(['openExport', 'createDisk', 'openExport']);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
  });

  test('whose storage node is away is waited for, however long', () => {
    const bench = new Bench();
    bench.held.add('callStorage');
    bench.serve(shared);
    bench.pass(1_000_000_000);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'preparing' });
    bench.acts = bench.acts.slice(-1);
    bench.held.clear();
    bench.pass(30_000_000);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running' });
  });

  test('is closed before the virtual machine is gone', () => {
    const bench = new Bench();
    bench.serve(shared);
    bench.held.add('callStorage');
    bench.want({ ...shared, generation: 2, want: { kind: 'remove' } });
    bench.settle();
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.reported.get(vmId(1))).not.toMatchObject({ state: 'gone' });
    bench.held.clear();
    bench.settle();
    expect(bench.storageAsked.at(-1)).toEqual({
      kind: 'closeExport',
      disk: 'shop/web-root',
      vm: vmId(1),
      fenceToken: 1,
    });
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'gone' });
  });
});
