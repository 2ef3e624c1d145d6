import { describe, expect, test } from 'vitest';
import { defaultAgentSettings } from '../../../../core/plasma/agent/protocol.ts';
import { Bench, kindOf, ttlUs } from './bench.ts';
import { desiredVm, spec, vmId } from './specs.ts';

const { leaseMarginUs, watchdogMarginUs, renewIntervalUs } = defaultAgentSettings;
const keepRunning = spec({ leasePolicy: 'keep-running' });

describe('a lease', () => {
  test('is counted from when its renewal was sent, not from the answer', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('renewLease');
    bench.pass(renewIntervalUs);
    const sentAtUs = bench.nowUs;
    const renewal = bench.serverCall('renewLease');
    bench.pass(1_500_000);
    bench.answer(renewal.callId, {
      kind: 'leaseGranted',
      sequence: renewal.request.sequence,
      leaseTtlUs: ttlUs,
    });
    bench.settle();
    expect(bench.agent.view.leaseEndUs).toBe(sentAtUs + ttlUs - leaseMarginUs);
    expect(bench.watchdogAsked.at(-1)).toMatchObject({ deadlineUs: sentAtUs + ttlUs - watchdogMarginUs });
  });

  test('is counted only when the watchdog has acknowledged its deadline', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    const endUs = bench.agent.view.leaseEndUs;
    bench.held.add('callWatchdog');
    bench.pass(renewIntervalUs);
    expect(bench.acts.map(kindOf)).toContain('callWatchdog');
    expect(bench.agent.view.leaseEndUs).toBe(endUs);
    bench.held.clear();
    bench.settle();
    expect(bench.agent.view.leaseEndUs).toBe((endUs ?? 0) + renewIntervalUs);
  });

  test('that ends has what must stop killed at its margin, and what may go on goes on', () => {
    const bench = new Bench();
    bench.serve(
      desiredVm(),
      desiredVm({ id: vmId(2), spec: keepRunning }),
      desiredVm({ id: vmId(3), want: { kind: 'receive', source: 'node-2' } }),
    );
    bench.held.add('renewLease');
    const endUs = bench.agent.view.leaseEndUs ?? 0;
    bench.pass(endUs - bench.nowUs - 1);
    expect(bench.hypervisor.processes.size).toBe(3);
    bench.pass(1);
    expect([...bench.hypervisor.processes.values()].map(({ instance }) => instance.vm)).toEqual([vmId(2)]);
    bench.pass(60_000_000);
    expect(bench.hypervisor.launches).toBe(3);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'preparing', cause: 'lease-lost' });
  });

  test('that has come back has what was killed for lack of it started again, without a wait', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: spec({ restartPolicy: 'never' }) }));
    bench.held.add('renewLease');
    bench.pass(ttlUs);
    expect(bench.hypervisor.processes.size).toBe(0);
    bench.held.clear();
    bench.acts = [];
    bench.pass(2 * renewIntervalUs);
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', restarts: 0 });
  });

  test('of an older renewal, whose answer is late, changes nothing', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('renewLease');
    bench.pass(renewIntervalUs);
    const first = bench.serverCall('renewLease');
    bench.pass(renewIntervalUs - 500_000);
    bench.held.clear();
    bench.pass(500_000);
    const endUs = bench.agent.view.leaseEndUs;
    bench.answer(first.callId, { kind: 'leaseGranted', sequence: first.request.sequence, leaseTtlUs: ttlUs });
    bench.settle();
    expect(bench.agent.view.leaseEndUs).toBe(endUs);
  });

  test('that is shorter than the one before counts at once', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('renewLease').add('callWatchdog');
    bench.pass(renewIntervalUs);
    const { callId, request } = bench.serverCall('renewLease');
    bench.answer(callId, { kind: 'leaseGranted', sequence: request.sequence, leaseTtlUs: leaseMarginUs + 1 });
    expect(bench.agent.view.leaseEndUs).toBe(bench.nowUs + 1);
  });
});

describe('what must stop', () => {
  test('is launched standing, given to the watchdog, and runs only when that has been acknowledged', () => {
    const bench = new Bench();
    bench.serve();
    bench.held.add('callWatchdog');
    bench.want(desiredVm());
    bench.settle();
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('paused');
    const guard = bench.takeAct((act) => act.kind === 'callWatchdog');
    expect(guard).toMatchObject({
      request: { kind: 'guard', sequence: 2, instances: [bench.hypervisor.of(vmId(1))?.instance] },
    });
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'preparing' });
    if (guard.kind !== 'callWatchdog') throw new Error('not the guard');
    bench.report({
      kind: 'watchdogAnswered',
      callId: guard.callId,
      response: { kind: 'guarded', sequence: 2, killed: [] },
    });
    bench.settle();
    expect(bench.hypervisor.of(vmId(1))?.state).toBe('running');
  });

  test('does not run while the watchdog is away, what may go on does', () => {
    const bench = new Bench();
    bench.serve();
    bench.held.add('callWatchdog');
    bench.want(desiredVm(), desiredVm({ id: vmId(2), spec: keepRunning }));
    bench.pass(60_000_000);
    expect(bench.hypervisor.of(vmId(1))).toBeUndefined();
    expect(bench.hypervisor.of(vmId(2))?.state).toBe('running');
  });

  test('whose launch comes to its end after the lease has ended is killed before it runs', () => {
    const bench = new Bench();
    bench.held.add('launch');
    bench.serve(desiredVm());
    bench.held.add('renewLease');
    bench.pass(ttlUs);
    const launch = bench.hypervisorAct('launch');
    for (const report of bench.hypervisor.act(launch)) bench.hypervisorReport(report);
    bench.settle();
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.acts.map(kindOf)).not.toContain('resume');
  });

  test('is killed again when that has failed', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('kill');
    bench.want(desiredVm({ generation: 2, want: { kind: 'remove' } }));
    bench.settle();
    const { actId } = bench.hypervisorAct('kill');
    bench.hypervisorReport({ kind: 'failed', actId, message: 'not now' });
    bench.held.clear();
    bench.pass(1_000_000);
    expect(bench.hypervisor.processes.size).toBe(0);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'gone' });
  });

  test('that the watchdog has killed is known to have lost its lease', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('callWatchdog').add('renewLease');
    const process = bench.hypervisor.of(vmId(1));
    if (process === undefined) throw new Error('it runs');
    bench.held.delete('renewLease');
    bench.pass(renewIntervalUs);
    const guard = bench.takeAct((act) => act.kind === 'callWatchdog');
    if (guard.kind !== 'callWatchdog' || guard.request.kind !== 'guard') throw new Error('not the guard');
    bench.held.clear();
    bench.report({
      kind: 'watchdogAnswered',
      callId: guard.callId,
      response: { kind: 'guarded', sequence: guard.request.sequence, killed: [process.instance] },
    });
    bench.settle();
    expect(bench.hypervisor.of(vmId(1))?.instance).not.toEqual(process.instance);
    expect(bench.hypervisor.launches).toBe(2);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running', restarts: 0 });
  });
});
