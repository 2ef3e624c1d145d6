import { expect, test } from 'vitest';

import { nodeId } from '../../../core/base/ids.ts';
import { defaultSwimOptions, type SwimOptions } from '../../../core/swim/config.ts';
import { SwimNode } from '../../../core/swim/node.ts';
import { type SwimEffect, type SwimEvent } from '../../../core/swim/types.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { type SwimGroup, type SwimStep, type WatchedSwimProcess } from '../../../sim/swim/checker.ts';
import { SwimAccuracy } from '../../../sim/swim/checkers/accuracy.ts';
import { SwimCompleteness } from '../../../sim/swim/checkers/completeness.ts';
import { SwimConvergence } from '../../../sim/swim/checkers/convergence.ts';
import { SwimIncarnations } from '../../../sim/swim/checkers/incarnations.ts';
import { SwimLoad } from '../../../sim/swim/checkers/load.ts';
import { detectionUs } from '../../../sim/swim/plan.ts';
import { encodeDatagram, encodeMessage } from '../../../core/swim/datagram-codec.ts';
import { recordOf, rumorOf } from '../../core/swim/subject.ts';

const tick: SwimEvent = { kind: 'tick' };
const died = (name: string): SwimEffect => {
  return { kind: 'memberChanged', change: 'died', member: recordOf(name, { state: 'dead' }) };
};

/** A group that is put together by hand: `a` is a machine, and `b` is what the test says. */
class Group implements SwimGroup {
  nowUs = 0;
  readonly options: SwimOptions = defaultSwimOptions;
  readonly processes: readonly WatchedSwimProcess[];
  readonly machine: SwimNode;
  disturbedNode: number | undefined;

  constructor(other: Partial<WatchedSwimProcess> = {}) {
    this.machine = machineOf('a');
    const common = { boot: 1, sinceUs: 0 };
    const a = { node: nodeId(1), name: 'a', machine: this.machine, ...common };
    this.processes = [a, { node: nodeId(2), name: 'b', machine: machineOf('b'), ...common, ...other }];
  }

  disturbed(node: number): boolean {
    return node === this.disturbedNode;
  }

  hear(incarnation: number): readonly SwimEffect[] {
    const message = encodeMessage({ kind: 'rumor', rumor: rumorOf('b', { incarnation }) });
    const datagram = encodeDatagram('test', [message]);
    return this.machine.step({ kind: 'received', from: 'b:1', datagram }, this.nowUs);
  }

  step(changes: Partial<SwimStep> = {}): SwimStep {
    const [process] = this.processes as [WatchedSwimProcess];
    const { nowUs, machine } = this;
    return { nowUs, process, machine, event: tick, effects: [], group: this, ...changes };
  }
}

function machineOf(name: string): SwimNode {
  const { gossipAddress, clientAddress, peerAddress, note } = recordOf(name);
  const self = { name, gossipAddress, clientAddress, peerAddress, note };
  return new SwimNode({ ...defaultSwimOptions, cluster: 'test', self, seeds: [] }, seededPrng(name), 0);
}

test('completeness fires for one that is still held live after the time in which anybody finds it dead', () => {
  const group = new Group({ machine: undefined });
  group.hear(0);
  const checker = new SwimCompleteness();
  group.nowUs = detectionUs(group.options, 2, 0) - 1;
  expect(() => {
    checker.onStep(group.step());
  }).not.toThrow();
  group.nowUs += 1;
  expect(() => {
    checker.onStep(group.step());
  }).toThrow('a still takes b for a member');
  group.disturbedNode = 1;
  expect(() => {
    checker.onStep(group.step());
  }).not.toThrow();
});

test('accuracy fires for the death of one that runs undisturbed, and for that alone', () => {
  const checker = new SwimAccuracy();
  const judge = (group: Group) => () => {
    checker.onStep(group.step({ nowUs: 100_000_000, effects: [died('b')] }));
  };
  expect(judge(new Group())).toThrow('a takes b for dead');
  expect(judge(new Group({ machine: undefined }))).not.toThrow();
  expect(judge(new Group({ sinceUs: 90_000_000 }))).not.toThrow();
  const disturbed = new Group();
  disturbed.disturbedNode = 2;
  expect(judge(disturbed)).not.toThrow();
});

test('convergence fires for one that is missed, and for changes that do not add up to what is held', () => {
  const group = new Group();
  const checker = new SwimConvergence();
  expect(() => {
    checker.onEnd(group);
  }).toThrow('a holds a alive@0 a:2, where a alive@0 a:2, b alive@0 b:2 run');
  const effects = group.hear(0);
  expect(() => {
    new SwimConvergence().onStep(group.step({ effects }));
  }).not.toThrow();
  expect(() => {
    new SwimConvergence().onStep(group.step({ effects: [died('b')] }));
  }).toThrow('a holds b, where it has told of');
});

test('incarnations: fires for one that nobody gave itself, and for one that falls', () => {
  const group = new Group();
  group.hear(3);
  expect(() => {
    new SwimIncarnations().onStep(group.step());
  }).toThrow('a holds b in incarnation 3, which that never had');
  const checker = new SwimIncarnations();
  const ahead = machineOf('b');
  const suspicion = rumorOf('b', { state: 'suspect', incarnation: 3, from: 'a' });
  const datagram = encodeDatagram('test', [encodeMessage({ kind: 'rumor', rumor: suspicion })]);
  ahead.step({ kind: 'received', from: 'a:1', datagram }, 0);
  const process = { node: nodeId(2), name: 'b', boot: 1, sinceUs: 0, machine: ahead };
  checker.onStep(group.step({ process, machine: ahead }));
  expect(() => {
    checker.onStep(group.step());
  }).not.toThrow();
  expect(() => {
    checker.onStep(group.step({ process, machine: machineOf('b') }));
  }).toThrow('b fell from incarnation 4 to 0');
  const fresh = new Group();
  fresh.hear(1);
  expect(() => {
    checker.onStep(group.step({ machine: fresh.machine }));
  }).toThrow('a knew b in incarnation 3, and holds 1 now');
});

test('load fires for a datagram that is too long, for too many of them, and for gossip that does not end', () => {
  const group = new Group();
  const send = (bytes: number): SwimEffect => ({ kind: 'send', to: 'b:1', datagram: new Uint8Array(bytes) });
  expect(() => {
    new SwimLoad().onStep(group.step({ effects: [send(1_401)] }));
  }).toThrow('a sends 1401 bytes, where 1400 are the most');
  const many = (count: number) => Array.from({ length: count }, () => send(1));
  const checker = new SwimLoad();
  checker.onStep(group.step({ effects: many(30) }));
  checker.onStep(group.step({ nowUs: 1_000_000, effects: many(30) }));
  expect(() => {
    checker.onStep(group.step({ nowUs: 1_999_999, effects: many(1) }));
  }).toThrow('a has sent 31 datagrams in a period in which it got 0, where 30 are the most');
  group.hear(0);
  expect(() => {
    checker.onEnd(group);
  }).toThrow('a still passes on 1 rumors');
});
