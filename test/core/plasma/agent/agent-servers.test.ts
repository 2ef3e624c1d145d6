import { describe, expect, test } from 'vitest';
import { type AgentResponse } from '../../../../core/plasma/agent-protocol.ts';
import { defaultAgentSettings } from '../../../../core/plasma/agent/protocol.ts';
import { Bench, kindOf, ttlUs } from './bench.ts';
import { desiredVm, spec, stopped, vmId } from './specs.ts';

const { retryUsMax, callTimeoutUs, renewIntervalUs } = defaultAgentSettings;

function refusal(
  code: (AgentResponse & { kind: 'refused' })['code'],
  leader: number | undefined,
): AgentResponse {
  return { kind: 'refused', code, message: 'no', leader };
}

/** An agent that is about to register. */
function registering(servers: number): Bench {
  const bench = new Bench({ servers });
  bench.held.add('register');
  bench.serve();
  return bench;
}

/** The server of the next registration. */
function nextServer(bench: Bench): number {
  for (let waits = 0; !bench.acts.some((act) => kindOf(act) === 'register'); waits += 1) {
    if (waits > 100) throw new Error('nobody is asked');
    bench.pass(retryUsMax / 10);
  }
  const call = bench.serverCall('register');
  bench.acts.push({ kind: 'callServer', timeoutUs: callTimeoutUs, ...call });
  return call.server;
}

function refuse(bench: Bench, response: AgentResponse): void {
  bench.answer(bench.serverCall('register').callId, response);
}

describe('among several servers', () => {
  test('the one is asked that a refusal names as the leader, else the next', () => {
    const bench = registering(3);
    expect(nextServer(bench)).toBe(0);
    refuse(bench, refusal('NOT_LEADER', 2));
    expect(nextServer(bench)).toBe(2);
    refuse(bench, refusal('NOT_LEADER', undefined));
    expect(nextServer(bench)).toBe(0);
    refuse(bench, refusal('UNAVAILABLE', undefined));
    expect(nextServer(bench)).toBe(1);
    // A place that there is not, and itself, are no hints.
    refuse(bench, refusal('NOT_LEADER', 3));
    expect(nextServer(bench)).toBe(2);
    refuse(bench, refusal('NOT_LEADER', 2));
    expect(nextServer(bench)).toBe(0);
  });

  test('one that does not answer is left for the next', () => {
    const bench = registering(2);
    expect(nextServer(bench)).toBe(0);
    bench.serverCall('register');
    bench.pass(callTimeoutUs);
    expect(nextServer(bench)).toBe(1);
    bench.report({ kind: 'serverFailed', callId: bench.serverCall('register').callId, reason: 'refused' });
    expect(nextServer(bench)).toBe(0);
  });

  test('an answer that comes after its time, or again, is nobody’s', () => {
    const bench = registering(1);
    const first = bench.serverCall('register');
    bench.pass(callTimeoutUs);
    nextServer(bench);
    expect(bench.answer(first.callId, { kind: 'registered', epoch: 9, leaseTtlUs: ttlUs })).toEqual([]);
    expect(bench.agent.view.epoch).toBe(0);
    const second = bench.serverCall('register');
    bench.answer(second.callId, { kind: 'registered', epoch: 10, leaseTtlUs: ttlUs });
    expect(bench.answer(second.callId, { kind: 'registered', epoch: 10, leaseTtlUs: ttlUs })).toEqual([]);
    expect(bench.agent.view.epoch).toBe(10);
  });

  test('an answer to something else is a failure', () => {
    const bench = registering(1);
    bench.answer(bench.serverCall('register').callId, { kind: 'reportTaken', sequence: 1 });
    expect(bench.agent.view).toMatchObject({ epoch: 0, phase: 'registering' });
    nextServer(bench);
  });
});

describe('an epoch that is stale', () => {
  test('is left for a new one: registration and inventory again, and nothing is begun until then', () => {
    const bench = new Bench();
    bench.serve(desiredVm(), desiredVm({ id: vmId(2), want: stopped }));
    bench.held.add('renewLease').add('register');
    bench.pass(renewIntervalUs);
    bench.answer(bench.serverCall('renewLease').callId, refusal('STALE_EPOCH', undefined));
    expect(bench.agent.view).toMatchObject({ phase: 'registering', epoch: 0 });
    // What is told in the old one is of no interest any more.
    bench.want(desiredVm({ id: vmId(2), generation: 2 }));
    bench.pass(1_000_000);
    expect(bench.hypervisor.launches).toBe(1);
    bench.held.clear();
    bench.told.length = 0;
    bench.pass(1_000_000);
    expect(bench.told.map(({ kind }) => kind).slice(0, 4)).toEqual([
      'register',
      'inventory',
      'watchDesired',
      'report',
    ]);
    expect(bench.told[1]).toMatchObject({ epoch: 2, found: [{ vm: vmId(1), state: 'running' }] });
    expect(bench.hypervisor.launches).toBe(2);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'running' });
  });

  test('what was wanted in it starts nothing in the next before that is told what it wants', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.held.add('renewLease').add('register');
    bench.pass(ttlUs);
    expect(bench.hypervisor.processes.size).toBe(0);
    for (const act of bench.acts.filter((one) => kindOf(one) === 'renewLease')) {
      if (act.kind === 'callServer') bench.answer(act.callId, refusal('STALE_EPOCH', undefined));
    }
    bench.acts = [];
    bench.held.clear();
    bench.held.add('watchDesired');
    bench.pass(2_000_000);
    expect(bench.agent.view.phase).toBe('serving');
    expect(bench.hypervisor.launches).toBe(1);
  });

  test('makes late answers to what was asked in it nobody’s', () => {
    const bench = new Bench({ settings: { ...defaultAgentSettings, callTimeoutUs: 5_000_000 } });
    bench.serve(desiredVm());
    bench.held.add('renewLease').add('register');
    bench.pass(2 * renewIntervalUs);
    const renewals = [bench.serverCall('renewLease'), bench.serverCall('renewLease')] as const;
    const endUs = bench.agent.view.leaseEndUs;
    bench.answer(renewals[0].callId, refusal('STALE_EPOCH', undefined));
    const { sequence } = renewals[1].request;
    bench.answer(renewals[1].callId, { kind: 'leaseGranted', sequence, leaseTtlUs: ttlUs });
    bench.settle();
    expect(bench.agent.view).toMatchObject({ epoch: 0, leaseEndUs: endUs });
  });

  test('waits with its inventory until a launch that is under way has come to its end', () => {
    const bench = new Bench();
    bench.held.add('launch');
    bench.serve(desiredVm());
    bench.held.add('renewLease');
    bench.pass(renewIntervalUs);
    bench.answer(bench.serverCall('renewLease').callId, refusal('STALE_EPOCH', undefined));
    bench.told.length = 0;
    bench.pass(1_000_000);
    expect(bench.told.map(({ kind }) => kind)).toEqual(['register']);
    bench.held.clear();
    bench.settle();
    expect(bench.told.find((request) => request.kind === 'inventory')).toMatchObject({
      found: [{ vm: vmId(1), instance: bench.hypervisor.of(vmId(1))?.instance }],
    });
  });
});

describe('reports', () => {
  test('are repeated, with what is newest, until they are acknowledged', () => {
    const bench = new Bench();
    bench.held.add('report');
    bench.serve(desiredVm());
    const first = bench.serverCall('report');
    expect(first.request.vms).toMatchObject([{ state: 'preparing' }]);
    bench.report({ kind: 'serverFailed', callId: first.callId, reason: 'connection lost' });
    bench.pass(200_000);
    const second = bench.serverCall('report');
    expect(second.request).toMatchObject({ sequence: 2, vms: [{ state: 'running' }] });
    bench.pass(callTimeoutUs + 500_000);
    const third = bench.serverCall('report');
    expect(third.request).toMatchObject({ sequence: 3, vms: second.request.vms });
    bench.answer(third.callId, { kind: 'reportTaken', sequence: 3 });
    bench.pass(60_000_000);
    expect(bench.acts.map(kindOf)).toEqual([]);
  });

  test('that were acknowledged say nothing of what has changed since they left', () => {
    const bench = new Bench();
    bench.held.add('report');
    bench.serve(desiredVm());
    const first = bench.serverCall('report');
    bench.answer(first.callId, { kind: 'reportTaken', sequence: 1 });
    bench.settle();
    expect(bench.serverCall('report').request).toMatchObject({ sequence: 2, vms: [{ state: 'running' }] });
  });

  test('wait until what they tell is durable', () => {
    const bench = new Bench();
    bench.serve(desiredVm({ spec: spec({ restartPolicy: 'never', leasePolicy: 'keep-running' }) }));
    const instance = bench.hypervisor.of(vmId(1))?.instance;
    if (instance === undefined) throw new Error('it runs');
    expect(bench.hypervisorReport({ kind: 'exited', instance, cause: 'guest-shutdown' })).toEqual([]);
    expect(bench.gated.map(kindOf)).toEqual(['report']);
  });

  test('are divided where there is much to tell', () => {
    const bench = new Bench({ settings: { ...defaultAgentSettings, reportVmsMax: 2 } });
    const vms = [1, 2, 3, 4, 5].map((number) => desiredVm({ id: vmId(number), want: stopped }));
    bench.serve(...vms);
    const reports = bench.told.filter((request) => request.kind === 'report');
    expect(reports.map((request) => request.kind === 'report' && request.vms.length)).toEqual([2, 2, 1]);
    expect([...bench.reported.keys()].sort()).toEqual([1, 2, 3, 4, 5].map(vmId));
  });
});

test('more virtual machines than an agent keeps in mind are not taken on, and counted', () => {
  const bench = new Bench({ settings: { ...defaultAgentSettings, vmsMax: 2 } });
  bench.serve(...[1, 2, 3].map((number) => desiredVm({ id: vmId(number) })));
  expect(bench.hypervisor.launches).toBe(2);
  expect(bench.agent.view.refusedVms).toBe(1);
});

describe('an operation', () => {
  const snapshot = { id: 'op-1', kind: 'snapshot', snapshot: 'before' } as const;

  test('is written down, then done, then told until it is wanted no more', () => {
    const bench = new Bench();
    bench.serve(desiredVm());
    bench.want(desiredVm({ generation: 2, operations: [snapshot] }));
    expect(bench.acts.map(kindOf)).not.toContain('snapshot');
    expect(bench.gated.map(kindOf)).toContain('snapshot');
    bench.settle();
    expect(bench.reported.get(vmId(1))?.operations).toEqual([{ id: 'op-1', outcome: 'done', message: '' }]);
    bench.want(desiredVm({ generation: 3 }));
    bench.settle();
    expect(bench.reported.get(vmId(1))?.operations).toEqual([]);
  });

  test('that was under way when the agent died is not begun again', () => {
    const bench = new Bench();
    const keeps = spec({ leasePolicy: 'keep-running' });
    bench.serve(desiredVm({ spec: keeps }));
    bench.held.add('snapshot');
    bench.want(desiredVm({ spec: keeps, generation: 2, operations: [snapshot] }));
    bench.settle();
    expect(bench.acts.map(kindOf)).toEqual(['snapshot']);
    bench.restart();
    bench.serve(desiredVm({ spec: keeps, generation: 2, operations: [snapshot] }));
    expect(bench.acts.map(kindOf)).toEqual([]);
    expect(bench.reported.get(vmId(1))?.operations).toEqual([
      {
        id: 'op-1',
        outcome: 'failed',
        message: 'the agent ended while it was under way: whether it took effect is not known',
      },
    ]);
  });

  test('on one that stands still: a disk is there from the next start on, a snapshot there can not be', () => {
    const bench = new Bench();
    const attach = { id: 'op-2', kind: 'attachDisk', disk: 'data' } as const;
    bench.serve(desiredVm({ want: stopped, operations: [snapshot, attach] }));
    bench.pass(1);
    expect(bench.reported.get(vmId(1))?.operations).toEqual([
      { id: 'op-1', outcome: 'failed', message: 'the virtual machine does not run' },
      { id: 'op-2', outcome: 'done', message: 'from its next start on' },
    ]);
  });

  test('that changes a virtual machine whose guest has ended does not start it', () => {
    const bench = new Bench();
    const attach = { id: 'op-2', kind: 'attachDisk', disk: 'data' } as const;
    bench.serve(desiredVm());
    const instance = bench.hypervisor.of(vmId(1))?.instance;
    if (instance === undefined) throw new Error('it runs');
    for (const report of bench.hypervisor.end(instance, 'guest-shutdown')) bench.hypervisorReport(report);
    bench.want(desiredVm({ generation: 2, operations: [attach] }));
    bench.pass(10_000_000);
    bench.want(desiredVm({ generation: 3 }));
    bench.pass(10_000_000);
    expect(bench.hypervisor.launches).toBe(1);
    expect(bench.reported.get(vmId(1))).toMatchObject({ state: 'stopped', generation: 3 });
    bench.want(desiredVm({ generation: 4 }));
    bench.settle();
    expect(bench.hypervisor.launches).toBe(2);
  });
});
