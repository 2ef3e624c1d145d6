import { describe, expect, test } from 'vitest';
import { defaultAgentSettings } from '../../../../core/plasma/agent/protocol.ts';
import { Bench, kindOf, ttlUs } from './bench.ts';
import { desiredVm, instanceOf, run, spec, vmId } from './specs.ts';

const { callTimeoutUs, watchdogTimeoutUs, watchdogMarginUs, watchWaitUs } = defaultAgentSettings;

describe('an agent starts', () => {
  test('inventory, registration, verdicts, what is wanted: each after the one before', () => {
    const bench = new Bench();
    expect(bench.tick()).toEqual([{ kind: 'hypervisor', act: { kind: 'inventory', actId: 1 } }]);
    expect(
      bench.hypervisorReport({ kind: 'inventoried', actId: 1, instances: [], files: [], images: [] }),
    ).toEqual([
      { kind: 'callWatchdog', callId: 2, request: { kind: 'status' }, timeoutUs: watchdogTimeoutUs },
    ]);
    const status = { kind: 'status', guarded: [], killed: [] } as const;
    const { node, agentBootId, machineBootId, capacity, labels, accelerators, address } = bench.config;
    expect(bench.report({ kind: 'watchdogAnswered', callId: 2, response: status })).toEqual([
      {
        kind: 'callServer',
        callId: 3,
        server: 0,
        request: {
          kind: 'register',
          node,
          agentBootId,
          machineBootId,
          capacity,
          labels,
          accelerators,
          address,
        },
        timeoutUs: callTimeoutUs,
      },
    ]);
    const sentAtUs = bench.nowUs;
    bench.nowUs += 400_000;
    expect(bench.answer(3, { kind: 'registered', epoch: 7, leaseTtlUs: ttlUs })).toEqual([
      {
        kind: 'callServer',
        callId: 4,
        server: 0,
        request: { kind: 'inventory', node, epoch: 7, found: [] },
        timeoutUs: callTimeoutUs,
      },
      {
        kind: 'callWatchdog',
        callId: 5,
        request: {
          kind: 'guard',
          agentBootId,
          sequence: 1,
          deadlineUs: sentAtUs + ttlUs - watchdogMarginUs,
          instances: [],
          released: [],
        },
        timeoutUs: watchdogTimeoutUs,
      },
    ]);
    expect(bench.answer(4, { kind: 'inventoryJudged', verdicts: [] })).toEqual([
      {
        kind: 'callServer',
        callId: 6,
        server: 0,
        request: { kind: 'watchDesired', node, epoch: 7, fromRevision: 0, waitUs: watchWaitUs },
        timeoutUs: callTimeoutUs + watchWaitUs,
      },
    ]);
  });

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

  test('nothing is started before the inventory has been judged, whatever is wanted', () => {
    const bench = new Bench();
    bench.held.add('inventory');
    bench.serve(desiredVm());
    // The hypervisor's own is held first, then that of the server.
    bench.held.delete('inventory');
    const own = bench.hypervisorAct('inventory');
    bench.hypervisorReport({ kind: 'inventoried', actId: own.actId, instances: [], files: [], images: [] });
    bench.held.add('inventory');
    bench.settle();
    expect(bench.acts.map(kindOf)).toEqual(['inventory']);
    bench.pass(1_000_000);
    expect(bench.hypervisor.launches).toBe(0);
    bench.held.clear();
    bench.settle();
    expect(bench.hypervisor.launches).toBe(1);
  });

  test('an inventory that fails is taken again, and nobody is registered before', () => {
    const bench = new Bench();
    bench.tick();
    const { actId } = bench.hypervisorAct('inventory');
    expect(bench.hypervisorReport({ kind: 'failed', actId, message: 'disk is slow' })).toEqual([]);
    bench.pass(200_000);
    expect(bench.told.map(({ kind }) => kind).slice(0, 3)).toEqual(['register', 'inventory', 'watchDesired']);
  });
});

describe('an agent that starts anew', () => {
  test('finds its virtual machine by id, token, pid and start, and goes on with it', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    const { instance } = bench.hypervisor.of(vmId(1)) ?? {};
    bench.guardedAtStart = [{ instance: instance ?? instanceOf(), deadlineUs: bench.nowUs + ttlUs }];
    bench.restart();
    bench.told.length = 0;
    bench.serve(desiredVm());
    expect(bench.hypervisor.launches).toBe(1);
    const inventory = bench.told.find((request) => request.kind === 'inventory');
    expect(inventory).toEqual({
      kind: 'inventory',
      node: 'node-1',
      epoch: 2,
      found: [{ vm: vmId(1), fenceToken: 1, instance, state: 'running', generation: 1 }],
    });
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', instance, restarts: 0 });
    // What is told of another life with the same pid is not about it.
    bench.hypervisorReport({
      kind: 'exited',
      instance: { ...(instance ?? instanceOf()), startTicks: 1 },
      cause: 'process-died',
    });
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', instance });
  });

  test('kills what belongs elsewhere, and leaves its files until they are to be removed', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: spec({ leasePolicy: 'keep-running' }) }));
    bench.restart();
    bench.verdict = 'kill';
    bench.serve();
    expect(bench.hypervisor.of(vmId(1))).toBeUndefined();
    expect(bench.hypervisor.files.size).toBe(1);
    bench.want(desiredVm({ generation: 2, want: { kind: 'remove' } }));
    bench.settle();
    expect(bench.hypervisor.files.size).toBe(0);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'gone', generation: 2, instance: undefined });
  });

  test('what has ended while no agent looked waits before it starts again, as any that ends by itself', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.hypervisor.processes.clear();
    bench.restart();
    bench.serve(desiredVm());
    expect(bench.hypervisor.launches).toBe(1);
    bench.pass(1_100_000);
    expect(bench.hypervisor.launches).toBe(2);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', restarts: 1 });
  });

  test('leaves alone what nobody knows, and tells of it', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: spec({ leasePolicy: 'keep-running' }) }));
    bench.restart();
    bench.verdict = 'orphan';
    bench.serve();
    bench.pass(30_000_000);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    expect(bench.agent.view.vms).toEqual([{ vm: vmId(1), fenceToken: 1, state: 'running', orphan: true }]);
  });

  test('leaves alone what nobody knows, but for the lease, if it must stop', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    const { instance } = bench.hypervisor.of(vmId(1)) ?? {};
    bench.guardedAtStart = [{ instance: instance ?? instanceOf(), deadlineUs: bench.nowUs + ttlUs }];
    bench.restart();
    bench.verdict = 'orphan';
    bench.serve();
    bench.pass(30_000_000);
    expect(bench.hypervisor.of(vmId(1))?.instance).toEqual(instance);
    bench.held.add('renewLease');
    bench.pass(ttlUs);
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.hypervisor.files.size).toBe(1);
  });

  test('has the watchdog forget what is gone', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    const gone = instanceOf({ pid: 7 });
    bench.guardedAtStart = [{ instance: gone, deadlineUs: bench.nowUs + ttlUs }];
    bench.restart();
    bench.serve();
    expect(bench.watchdogAsked.at(-1)).toMatchObject({ kind: 'guard' });
    const released = bench.watchdogAsked.flatMap((asked) => (asked.kind === 'guard' ? asked.released : []));
    expect(released).toContainEqual(gone);
  });

  test('kills what must stop and what no watchdog vouches for', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.restart();
    bench.held.add('register');
    bench.serve(desiredVm());
    expect(bench.hypervisor.of(vmId(1))).toBeUndefined();
    bench.held.clear();
    bench.settle();
    expect(bench.hypervisor.launches).toBe(2);
  });

  test('kills what must stop when the deadline of before its start comes and no lease has', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    const { instance } = bench.hypervisor.of(vmId(1)) ?? {};
    bench.guardedAtStart = [{ instance: instance ?? instanceOf(), deadlineUs: bench.nowUs + 5_000_000 }];
    bench.restart();
    bench.held.add('register');
    bench.serve(desiredVm());
    bench.pass(4_999_999);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    bench.pass(1);
    expect(bench.hypervisor.of(vmId(1))).toBeUndefined();
  });

  test('what the watchdog has killed meanwhile starts again, also where nothing else would', () => {
    const bench = new Bench();
    const never = desiredVm({ spec: spec({ restartPolicy: 'never' }) });
    bench.serve(never);
    const { instance } = bench.hypervisor.of(vmId(1)) ?? {};
    const killed = instance ?? instanceOf();
    bench.hypervisor.end(killed, 'killed');
    bench.restart();
    bench.held.add('callWatchdog');
    bench.serve(never);
    const status = bench.takeAct((act) => act.kind === 'callWatchdog');
    if (status.kind !== 'callWatchdog') throw new Error('not the status');
    bench.held.clear();
    bench.report({
      kind: 'watchdogAnswered',
      callId: status.callId,
      response: { kind: 'status', guarded: [], killed: [killed] },
    });
    bench.settle();
    expect(bench.hypervisor.launches).toBe(2);
    expect(bench.watchdogAsked.at(-1)).toMatchObject({ kind: 'guard' });
    expect(bench.watchdogAsked.flatMap((asked) => (asked.kind === 'guard' ? asked.released : []))).toEqual([
      killed,
    ]);
  });
});

describe('a launch', () => {
  test('waits for the journal to say that it is intended', () => {
    const bench = new Bench();
    bench.held.add('prepare');
    bench.serve(desiredVm());
    const prepare = bench.hypervisorAct('prepare');
    bench.hypervisor.act(prepare);
    expect(bench.hypervisorReport({ kind: 'done', actId: prepare.actId })).toEqual([]);
    expect(bench.gated.map(kindOf)).toEqual(['launch']);
    expect(bench.sync()).toEqual([
      {
        kind: 'hypervisor',
        act: {
          kind: 'launch',
          actId: prepare.actId + 2,
          vm: vmId(1),
          fenceToken: 1,
          spec: desiredVm().spec,
          exports: {},
          incoming: false,
          paused: true,
        },
      },
    ]);
  });

  // Whatever the agent had done when it died, there is one process of the virtual machine in the end, and there never were two.
  for (const [moment, reached] of [
    ['before it is prepared', 'prepare'],
    ['before it is launched', 'launch'],
    ['when it has been launched, and nobody has heard', 'launched'],
    ['when it stands, and has not been told to run', 'resume'],
    ['when it runs', 'running'],
  ] as const) {
    test(`that is interrupted ${moment} happens once`, () => {
      const bench = new Bench();
      if (reached !== 'running') bench.held.add(reached === 'launched' ? 'launch' : reached);
      bench.serve(desiredVm());
      if (reached === 'launched') bench.hypervisor.act(bench.hypervisorAct('launch'));
      const found = bench.hypervisor.of(vmId(1))?.instance;
      bench.guardedAtStart =
        found === undefined ? [] : [{ instance: found, deadlineUs: bench.nowUs + ttlUs }];
      bench.held.clear();
      bench.restart();
      bench.serve(desiredVm());
      expect(bench.hypervisor.launches).toBe(1);
      expect(bench.hypervisor.violations).toEqual([]);
      expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    });
  }
});
