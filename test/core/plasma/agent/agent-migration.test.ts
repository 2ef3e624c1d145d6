import { describe, expect, test } from 'vitest';
import { defaultAgentSettings } from '../../../../core/plasma/agent/protocol.ts';
import { type DesiredState } from '../../../../core/plasma/agent-protocol.ts';
import { type InstanceId } from '../../../../core/plasma/types.ts';
import { Bench, kindOf, ttlUs } from './bench.ts';
import { desiredVm, run, sharedRoot, spec, vmId } from './specs.ts';

const { arrivalUs } = defaultAgentSettings;
const shared = spec({ disks: [sharedRoot] });
const receive: DesiredState = { kind: 'receive', source: 'node-2' };
const migrate: DesiredState = { kind: 'migrate', uri: 'tcp:node-2:7100' };

/** Wanted of the virtual machine from now on, under one token. */
function want(bench: Bench, state: DesiredState, generation: number): void {
  bench.want(desiredVm({ spec: shared, want: state, generation }));
  bench.settle();
}

function processOf(bench: Bench): InstanceId {
  const process = bench.hypervisor.of(vmId(1));
  if (process === undefined) throw new Error('there is a process');
  return process.instance;
}

describe('the node that a virtual machine comes to', () => {
  test('opens its disks without writing, waits for the state, and says where once the watchdog has it', () => {
    const bench = new Bench();
    bench.serve();
    bench.held.add('callWatchdog');
    want(bench, receive, 1);
    expect(bench.storageAsked).toEqual([
      { kind: 'openExport', disk: 'shop/web-root', vm: vmId(1), fenceToken: 1, activate: false },
    ]);
    expect(bench.hypervisor.of(vmId(1))).toMatchObject({ state: 'incoming', standsOnArrival: true });
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'preparing', incomingUri: undefined });
    bench.held.clear();
    bench.settle();
    expect(bench.reported.get(vmId(1))).toMatchObject({
      state: 'incoming',
      incomingUri: `unix:/run/${processOf(bench).pid}`,
      generation: 1,
    });
  });

  test('lets the guest run when it owns it, the state is there, and its disks take its writes', () => {
    const bench = new Bench();
    bench.serve();
    want(bench, receive, 1);
    want(bench, run, 2);
    bench.held.add('callStorage');
    const process = bench.hypervisor.of(vmId(1));
    if (process !== undefined) process.state = 'paused';
    bench.hypervisorReport({ kind: 'arrived', instance: processOf(bench) });
    bench.settle();
    expect(bench.acts).toMatchObject([
      { kind: 'callStorage', request: { kind: 'openExport', fenceToken: 1, activate: true } },
    ]);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'incoming' });
    bench.held.clear();
    bench.settle();
    expect(process?.state).toBe('running');
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', generation: 2, restarts: 0 });
  });

  test('that hears of the state before it owns it has it stand still', () => {
    const bench = new Bench();
    bench.serve();
    want(bench, receive, 1);
    bench.held.add('resume').add('callStorage');
    bench.hypervisorReport({ kind: 'arrived', instance: processOf(bench) });
    bench.pass(1_000_000);
    expect(bench.acts.map(kindOf)).toEqual([]);
  });

  test('does not let it run if a newer token has taken its disks', () => {
    const bench = new Bench();
    bench.serve();
    want(bench, receive, 1);
    want(bench, run, 2);
    bench.storage = () => ({ kind: 'refused', code: 'STALE_TOKEN', message: 'newest is 2', newest: 2 });
    bench.held.add('resume');
    bench.hypervisorReport({ kind: 'arrived', instance: processOf(bench) });
    bench.settle();
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'failed', cause: 'launch-failed' });
  });

  test('starts it cold if it owns it and the state does not come', () => {
    const bench = new Bench();
    bench.serve();
    want(bench, receive, 1);
    const waiting = processOf(bench);
    want(bench, run, 2);
    bench.pass(arrivalUs - 1);
    expect(processOf(bench)).toEqual(waiting);
    bench.pass(2_000_001);
    expect(processOf(bench)).not.toEqual(waiting);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    expect(bench.storageAsked.at(-1)).toMatchObject({ kind: 'openExport', activate: true });
  });

  test('waits again, elsewhere, when the migration has failed, and kills what was in vain', () => {
    const bench = new Bench();
    bench.serve();
    want(bench, receive, 1);
    const first = processOf(bench);
    bench.hypervisorReport({ kind: 'migrationFailed', instance: first, message: 'connection lost' });
    bench.pass(1_000_000);
    expect(processOf(bench)).not.toEqual(first);
    expect(bench.reported.get(vmId(1))).toMatchObject({
      state: 'incoming',
      incomingUri: `unix:/run/${processOf(bench).pid}`,
    });
  });
});

describe('the node that a virtual machine leaves', () => {
  function sent(): Bench {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: shared }));
    want(bench, migrate, 2);
    return bench;
  }

  test('sends it up to the hand-over and waits there', () => {
    const bench = sent();
    expect(bench.hypervisor.of(vmId(1))).toMatchObject({ state: 'handing-over', handedOver: false });
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'handing-over', generation: 2 });
    bench.pass(5_000_000);
    expect(bench.hypervisor.of(vmId(1))).toMatchObject({ state: 'handing-over', handedOver: false });
  });

  test('goes on as before when the migration is off', () => {
    const bench = sent();
    want(bench, { kind: 'abandonMigration' }, 3);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', generation: 3 });
  });

  test('says so when it could not be sent, and the guest goes on', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: shared }));
    bench.hypervisor.failing = 1;
    want(bench, migrate, 2);
    expect(bench.reported.get(vmId(1))).toMatchObject({
      state: 'running',
      generation: 2,
      migrationFailed: true,
      message: 'told to fail',
    });
    want(bench, { kind: 'abandonMigration' }, 3);
    expect(bench.reported.get(vmId(1))).not.toHaveProperty('migrationFailed');
  });

  test('does not take a guest that has panicked meanwhile for one that goes on', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: shared }));
    bench.held.add('kill');
    want(bench, migrate, 2);
    const source = processOf(bench);
    bench.hypervisorReport({ kind: 'guestPanicked', instance: source });
    bench.hypervisorReport({ kind: 'migrationFailed', instance: source, message: 'its guest has ended' });
    want(bench, run, 3);
    expect(bench.acts).toMatchObject([{ act: { kind: 'kill', instance: source } }]);
    bench.held.clear();
    bench.pass(10_000_000);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    expect(processOf(bench)).not.toEqual(source);
  });

  test('hands over only after it is written down that it does, and quits', () => {
    const bench = sent();
    bench.sync();
    bench.want(desiredVm({ spec: shared, want: { kind: 'handOver' }, generation: 3 }));
    expect(bench.gated.map(kindOf)).toContain('handOver');
    expect(bench.acts.map(kindOf)).not.toContain('handOver');
    bench.settle();
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'stopped', cause: 'migrated', generation: 3 });
  });

  test('never goes on after it was told to hand over, whatever is wanted by then', () => {
    for (const wanted of [{ kind: 'abandonMigration' }, run, migrate] as const) {
      const bench = sent();
      bench.held.add('handOver');
      want(bench, { kind: 'handOver' }, 3);
      bench.held.add('cancelMigration').add('resume').add('launch');
      bench.pass(60_000);
      want(bench, wanted, 4);
      bench.hypervisorAct('handOver');
      bench.pass(30_000_000);
      expect(bench.acts.map(kindOf)).not.toContain('cancelMigration');
      expect(bench.acts.map(kindOf)).not.toContain('resume');
      expect(bench.acts.map(kindOf)).not.toContain('launch');
    }
  });

  test('never goes on after it was told to hand over, also when the agent starts anew', () => {
    const bench = sent();
    bench.held.add('handOver');
    want(bench, { kind: 'handOver' }, 3);
    bench.guardedAtStart = [{ instance: processOf(bench), deadlineUs: bench.nowUs + ttlUs }];
    bench.restart();
    bench.held.clear();
    bench.held.add('cancelMigration').add('resume');
    bench.serve(desiredVm({ spec: shared, want: { kind: 'abandonMigration' }, generation: 4 }));
    expect(bench.acts.map(kindOf)).toEqual([]);
    expect(bench.hypervisor.processes.size).toBe(0);
  });

  test('is asked to shut down when it is to stop in the midst of it', () => {
    const bench = sent();
    bench.held.add('powerDown');
    want(bench, { kind: 'run', runState: 'stopped', force: false }, 3);
    expect(bench.acts.map(kindOf)).toEqual(['powerDown']);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
  });

  test('without a lease hands nothing over that must stop', () => {
    const bench = sent();
    bench.held.add('renewLease').add('handOver').add('kill');
    bench.pass(ttlUs);
    want(bench, { kind: 'handOver' }, 3);
    expect(bench.acts.map(kindOf)).toContain('kill');
    expect(bench.acts.map(kindOf)).not.toContain('handOver');
  });

  test('quits when the hand-over fails', () => {
    const bench = sent();
    bench.hypervisor.failing = 1;
    want(bench, { kind: 'handOver' }, 3);
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'stopped', cause: 'migrated' });
  });

  test('quits also when it had not come to the hand-over', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: shared }));
    want(bench, { kind: 'handOver' }, 2);
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.hypervisor.launches).toBe(1);
  });
});
