import { expect, test } from 'vitest';

import { nodeId } from '../../core/base/ids.ts';
import {
  type MemberEffect,
  type MemberEvent,
  type MemberRequest,
} from '../../core/chainfire/member-protocol.ts';
import { type AttemptEnd, attemptEvent, ClientCalls } from '../../sim/client-calls.ts';
import { SimulatedSegments } from '../../sim/disk/segments.ts';
import { SimulatedStore } from '../../sim/disk/store.ts';
import { clientAddress, cut } from '../../sim/network/conditions.ts';
import { defaultNetworkPlan, Network } from '../../sim/network/network.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type MemberMachine, type MemberTypes } from '../../sim/member-machine.ts';
import { SimulatedProcess } from '../../sim/process.ts';
import { World } from '../../sim/world.ts';

const status: MemberRequest = { kind: 'status', request: {} };
const n1 = nodeId(1);

/** Answers what it is asked when it is told to, and remembers what it heard. */
class Clerk implements MemberMachine {
  readonly deadlineUs = Infinity;
  answers = true;
  readonly heard: string[] = [];

  step(event: MemberEvent): readonly MemberEffect[] {
    this.heard.push(event.kind);
    if (event.kind !== 'requested' || !this.answers) return [];
    const response = { kind: 'refused', code: 'NO_LEADER', message: 'ask another' } as const;
    return [{ kind: 'reply', requestId: event.requestId, response, afterSyncSeq: 0 }];
  }
}

class Office {
  readonly world = new World();
  readonly network: Network;
  readonly process: SimulatedProcess<Clerk, MemberTypes>;
  readonly calls: ClientCalls<Clerk>;
  readonly clerk = new Clerk();
  readonly ends: AttemptEnd[] = [];

  constructor(seed = 'calls') {
    const { world } = this;
    const prng = seededPrng(seed);
    this.network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
    this.process = new SimulatedProcess<Clerk, MemberTypes>({
      node: n1,
      world,
      prng: prng.fork('process'),
      segments: new SimulatedSegments({ world, prng, syncMedianUs: 100 }),
      store: new SimulatedStore({ world, prng, tables: ['t'], flushMedianUs: 100 }),
      driftPpm: 0,
      recover: () => this.clerk,
      surroundings: {
        send: () => undefined,
        reply: (from, effect) => {
          this.calls.reply(from, effect);
        },
        notify: () => undefined,
        endStream: () => undefined,
        sendSnapshot: () => undefined,
        recovered: () => undefined,
        synced: () => undefined,
        stepped: () => undefined,
        ended: (process) => {
          this.calls.ended(process);
        },
        diskFailed: () => undefined,
      },
    });
    this.calls = new ClientCalls({ world, network: this.network, process: () => this.process });
    this.process.start();
  }

  attempt(timeoutUs = 1_000_000): () => void {
    return this.calls.attempt({
      client: 0,
      node: n1,
      request: status,
      timeoutUs,
      ended: (end) => this.ends.push(end),
    });
  }

  run(forUs = 5_000_000): void {
    this.world.runUntil(this.world.nowUs + forUs);
  }
}

test('an attempt is answered once, by the member that was asked', () => {
  const office = new Office();
  office.attempt();
  office.run();
  expect(office.ends).toEqual([
    { kind: 'answered', response: { kind: 'refused', code: 'NO_LEADER', message: 'ask another' } },
  ]);
  expect(office.clerk.heard).toEqual(['requested']);
});

test('a member that is down refuses the connection: the request has surely not been seen', () => {
  const office = new Office();
  office.process.crash('process');
  office.attempt();
  office.run();
  expect(office.ends).toEqual([{ kind: 'attemptFailed', reached: 'no', reason: 'connection refused' }]);
});

test('a lost request and a lost answer look the same: the time is over, and nobody knows', () => {
  const client = [clientAddress(0)];
  for (const [from, to, heard] of [
    [client, [1], 0],
    [[1], client, 1],
  ] as const) {
    const office = new Office();
    office.network.begin(cut(from, to));
    office.attempt(700_000);
    office.run(699_999);
    expect(office.ends).toEqual([]);
    office.run();
    expect(office.ends).toEqual([{ kind: 'attemptFailed', reached: 'maybe', reason: 'deadline exceeded' }]);
    expect(office.clerk.heard.filter((kind) => kind === 'requested')).toHaveLength(heard);
  }
});

test('a process that dies with a request resets the connection, or leaves the client to its time-out', () => {
  const reasons = new Set<string>();
  for (let seed = 0; seed < 20; seed += 1) {
    const office = new Office(`dies ${seed}`);
    office.clerk.answers = false;
    office.attempt();
    office.run(200_000);
    expect(office.clerk.heard).toEqual(['requested']);
    office.process.crash('machine');
    office.run();
    expect(office.ends).toHaveLength(1);
    const [end] = office.ends;
    expect(end).toMatchObject({ kind: 'attemptFailed', reached: 'maybe' });
    if (end?.kind === 'attemptFailed') reasons.add(end.reason);
  }
  expect([...reasons].sort()).toEqual(['connection reset', 'deadline exceeded']);
});

test('an answer of a process that died on the way may still come; one of another life never does', () => {
  let answered = 0;
  for (let seed = 0; seed < 40; seed += 1) {
    const office = new Office(`way ${seed}`);
    office.attempt();
    while (office.clerk.heard.length === 0) office.run(10);
    office.process.crash('machine');
    office.run(1_000);
    office.process.start();
    office.run();
    expect(office.ends).toHaveLength(1);
    if (office.ends[0]?.kind === 'answered') answered += 1;
  }
  expect(answered).toBeGreaterThan(5);
  expect(answered).toBeLessThan(35);
});

test('an abandoned attempt reports nothing more, and the member hears that nobody waits', () => {
  const office = new Office();
  office.clerk.answers = false;
  const abandon = office.attempt();
  office.run(200_000);
  abandon();
  office.run();
  expect(office.ends).toEqual([]);
  expect(office.clerk.heard).toEqual(['requested', 'cancelled']);
});

test('requests are never doubled, whatever the network does to datagrams', () => {
  const office = new Office();
  office.network.begin({
    kind: 'lossy',
    lossPpm: 0,
    duplicatePpm: 1_000_000,
    reorderPpm: 500_000,
    prng: seededPrng('lossy'),
    hits: 0,
  });
  for (let attempt = 0; attempt < 20; attempt += 1) office.attempt();
  office.run();
  expect(office.clerk.heard).toHaveLength(20);
  expect(office.ends).toHaveLength(20);
});

test('a client machine hears the end of its attempt under its own number', () => {
  const end: AttemptEnd = { kind: 'attemptFailed', reached: 'no', reason: 'x' };
  expect(attemptEvent(7, end)).toEqual({ kind: 'attemptFailed', attemptId: 7, reached: 'no', reason: 'x' });
});
