import { expect, test } from 'vitest';
import { Agent } from '../../../../core/plasma/agent/agent.ts';
import { defaultAgentSettings } from '../../../../core/plasma/agent/protocol.ts';
import { RecordLog } from '../../../../core/storage/record-log.ts';
import { CrashSegments } from '../../raft/crash-segments.ts';
import { testPrng } from '../../raft/test-prng.ts';
import { Bench } from './bench.ts';
import { agentConfig, desiredVm, paused, run, spec, vmId } from './specs.ts';

const keepRunning = spec({ leasePolicy: 'keep-running' });

test('the journal is written anew when it has grown, and what it says stays the same', () => {
  const bench = new Bench({ settings: { ...defaultAgentSettings, journalBytesMax: 4_096 } });
  const vms = [1, 2, 3].map((number) => desiredVm({ id: vmId(number), spec: keepRunning }));
  bench.serve(...vms);
  for (let generation = 2; generation < 200; generation += 1) {
    const want = generation % 2 === 0 ? paused : run;
    bench.want(...vms.map((vm) => ({ ...vm, generation, want })));
    bench.settle();
  }
  expect(bench.removed.length).toBeGreaterThan(2);
  const sizes = bench.segments.list('journal/').map(({ lengthBytes }) => lengthBytes);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(4 * 4_096);
  bench.restart();
  bench.told.length = 0;
  bench.serve(...vms.map((vm) => ({ ...vm, generation: 200 })));
  const inventory = bench.told.find((request) => request.kind === 'inventory');
  expect(inventory).toMatchObject({
    found: [1, 2, 3].map((number) => ({ vm: vmId(number), generation: 199 })),
  });
  expect(bench.hypervisor.launches).toBe(3);
});

test('a journal that something else has written stops the agent rather than being guessed at', () => {
  const segments = new CrashSegments();
  const { log } = RecordLog.recover(segments, { prefix: 'journal/', segmentBytesMax: 1_024 });
  const payload = Uint8Array.from([...'{"version":2}'].map((char) => char.charCodeAt(0)));
  segments.append(log.append(payload).append);
  segments.sync();
  expect(() => Agent.recover({ segments }, agentConfig(), testPrng(1), 0)).toThrow('has format 2, not 1');
});

test('with a journal that has lost something, what may have been done before is not done again', () => {
  const bench = new Bench();
  const snapshot = { id: 'op-1', kind: 'snapshot', snapshot: 'before' } as const;
  bench.serve(desiredVm({ spec: keepRunning }));
  bench.held.add('snapshot');
  bench.want(desiredVm({ spec: keepRunning, generation: 2, operations: [snapshot] }));
  bench.settle();
  const [file] = bench.segments.list('journal/');
  bench.segments.damage(file?.file ?? '', 100);
  bench.restart();
  bench.serve(desiredVm({ spec: keepRunning, generation: 2, operations: [snapshot] }));
  expect(bench.acts).toEqual([]);
  expect(bench.reported.get(vmId(1))?.operations).toMatchObject([{ id: 'op-1', outcome: 'failed' }]);
});
