import { expect, test } from 'vitest';

import { bytesFromLatin1, latin1FromBytes } from '../../core/base/bytes.ts';
import { nodeId } from '../../core/base/ids.ts';
import { WatchRequest, WatchResponse } from '../../core/chainfire/api/watch.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type ClientStream, ClientStreams } from '../../sim/client-streams.ts';
import { SimulatedSegments } from '../../sim/disk/segments.ts';
import { SimulatedStore } from '../../sim/disk/store.ts';
import { clientAddress, type Condition, cut } from '../../sim/network/conditions.ts';
import { defaultNetworkPlan, Network } from '../../sim/network/network.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type MemberMachine, type MemberTypes } from '../../sim/member-machine.ts';
import { SimulatedProcess } from '../../sim/process.ts';
import { type StreamReader } from '../../sim/stream-connection.ts';
import { Violation } from '../../sim/types.ts';
import { World } from '../../sim/world.ts';

const n1 = nodeId(1);
const client = [clientAddress(0)];

/** Says what it is told to say, and remembers what it heard. */
class Herald implements MemberMachine {
  readonly deadlineUs = Infinity;
  readonly heard: string[] = [];
  readonly drained: number[] = [];
  /** What to say when a request comes. */
  words: (streamId: number) => readonly MemberEffect[] = () => [];

  step(event: MemberEvent): readonly MemberEffect[] {
    this.heard.push(event.kind);
    if (event.kind === 'streamDrained') this.drained.push(event.bytes);
    return event.kind === 'streamReceived' ? this.words(event.streamId) : [];
  }

  count(kind: MemberEvent['kind']): number {
    return this.heard.filter((heard) => heard === kind).length;
  }
}

class Street {
  readonly world = new World();
  readonly network: Network;
  readonly process: SimulatedProcess<Herald, MemberTypes>;
  readonly streams: ClientStreams<Herald>;
  readonly herald = new Herald();
  readonly read: { readonly text: string; readonly atUs: number }[] = [];
  readonly failures: string[] = [];

  constructor(options: { readonly seed?: string; readonly throughCodec?: boolean } = {}) {
    const { world } = this;
    const prng = seededPrng(options.seed ?? 'streams');
    this.network = new Network({ world, prng: prng.fork('network'), plan: defaultNetworkPlan });
    this.process = new SimulatedProcess<Herald, MemberTypes>({
      node: n1,
      world,
      prng: prng.fork('process'),
      segments: new SimulatedSegments({ world, prng, syncMedianUs: 100 }),
      store: new SimulatedStore({ world, prng, tables: ['t'], flushMedianUs: 100 }),
      driftPpm: 0,
      recover: () => this.herald,
      surroundings: {
        send: () => undefined,
        reply: () => undefined,
        notify: (from, effect) => {
          this.streams.notify(from, effect);
        },
        endStream: (from, effect) => {
          this.streams.endStream(from, effect);
        },
        sendSnapshot: () => undefined,
        recovered: () => undefined,
        synced: () => undefined,
        stepped: () => undefined,
        ended: (process) => {
          this.streams.ended(process);
        },
        diskFailed: () => undefined,
      },
    });
    this.streams = new ClientStreams({
      world,
      network: this.network,
      prng: prng.fork('streams'),
      throughCodec: options.throughCodec ?? false,
      process: () => this.process,
    });
    this.process.start();
  }

  connect(reader: StreamReader = { windowBytes: 65_536, delayUs: () => 0 }): ClientStream {
    return this.streams.connect({
      client: 0,
      node: n1,
      stream: { kind: 'watch', requireLeader: false },
      reader,
      received: (response) => {
        const text = response.events.map(latin1FromBytes).join(',');
        this.read.push({ text, atUs: this.world.nowUs });
      },
      failed: (reason) => this.failures.push(reason),
    });
  }

  run(forUs = 1_000_000): void {
    this.world.runUntil(this.world.nowUs + forUs);
  }

  during(condition: Condition, body: () => void): void {
    this.network.begin(condition);
    body();
    this.network.end(condition);
  }
}

const progress = WatchRequest.create({ progress: {} });

function say(streamId: number, from: number, count: number, bytes = 10): readonly MemberEffect[] {
  return Array.from({ length: count }, (_, at) => ({
    kind: 'notify',
    streamId,
    item: WatchResponse.create({ watchId: 1, events: [bytesFromLatin1(`item ${from + at}`)] }),
    bytes,
  }));
}

const counted = (count: number): string[] => Array.from({ length: count }, (_, at) => `item ${at}`);

test.each([false, true])('items come in order, each once; through the codec: %s', (throughCodec) => {
  const street = new Street({ throughCodec });
  street.herald.words = (streamId) => say(streamId, 0, 200);
  const condition: Condition = {
    kind: 'lossy',
    lossPpm: 0,
    duplicatePpm: 500_000,
    reorderPpm: 500_000,
    prng: seededPrng('lossy'),
    hits: 0,
  };
  street.during(condition, () => {
    street.connect().send(progress);
    street.run();
  });
  expect(street.read.map(({ text }) => text)).toEqual(counted(200));
  expect(street.failures).toEqual([]);
  expect(street.herald.drained.reduce((sum, bytes) => sum + bytes, 0)).toBe(2_000);
  expect(street.herald.heard.slice(0, 2)).toEqual(['streamOpened', 'streamReceived']);
});

test('a member that is down refuses the stream', () => {
  const street = new Street();
  street.process.crash('process');
  street.connect();
  street.run();
  expect(street.failures).toEqual(['connection refused']);
  expect(street.streams.open).toBe(1);
  street.run(30_000_000);
});

test('a slow reader holds back what is drained: the transport takes a window, then as much as was read', () => {
  const street = new Street();
  street.herald.words = (streamId) => say(streamId, 0, 50, 100);
  street.connect({ windowBytes: 1_000, delayUs: () => 50_000 }).send(progress);
  street.run(60_000);
  const early = street.herald.drained.reduce((sum, bytes) => sum + bytes, 0);
  expect(early).toBe(1_000);
  street.run(5_000_000);
  expect(street.herald.drained.reduce((sum, bytes) => sum + bytes, 0)).toBe(5_000);
  expect(street.read.map(({ text }) => text)).toEqual(counted(50));
  for (const [at, { atUs }] of street.read.entries()) {
    expect(atUs - (street.read[at - 1]?.atUs ?? 0)).toBeGreaterThanOrEqual(50_000);
  }
});

test('what follows a gap breaks the stream on both sides; nothing behind the gap is read', () => {
  const street = new Street();
  street.herald.words = (streamId) => say(streamId, 10 * street.herald.count('streamReceived') - 10, 10);
  const stream = street.connect();
  stream.send(progress);
  street.run();
  street.during(cut([n1], client), () => {
    stream.send(progress);
    street.run();
  });
  expect(street.failures).toEqual([]);
  stream.send(progress);
  street.run();
  expect(street.failures).toEqual(['connection reset']);
  expect(street.read.map(({ text }) => text)).toEqual(counted(10));
  expect(street.herald.count('streamClosed')).toBe(1);
  expect(street.streams.open).toBe(0);
});

test('a request that was lost breaks the stream once the next one comes', () => {
  const street = new Street();
  const stream = street.connect();
  street.run();
  street.during(cut(client, [n1]), () => {
    stream.send(progress);
    street.run();
  });
  stream.send(progress);
  street.run();
  expect(street.herald.heard).toEqual(['streamOpened', 'streamClosed']);
  expect(street.failures).toEqual(['connection reset']);
});

test('a process that dies resets its streams or falls silent, as it does with calls', () => {
  const told = new Set<number>();
  for (let seed = 0; seed < 20; seed += 1) {
    const street = new Street({ seed: `dies ${seed}` });
    street.connect().send(progress);
    street.run();
    street.process.crash('machine');
    street.run(30_000_000);
    expect(street.read).toEqual([]);
    expect(street.streams.open).toBe(0);
    told.add(street.failures.length);
  }
  expect([...told].sort((left, right) => left - right)).toEqual([0, 1]);
});

test('a silent stream to a process of another life is reset by the first word', () => {
  for (let seed = 0; seed < 10; seed += 1) {
    const street = new Street({ seed: `life ${seed}` });
    const stream = street.connect();
    street.run();
    street.process.crash('machine');
    street.process.start();
    street.run();
    stream.send(progress);
    street.run();
    expect(street.failures).toEqual(['connection reset']);
    expect(street.herald.count('streamReceived')).toBe(0);
  }
});

test('a client that closes says so', () => {
  const street = new Street();
  const stream = street.connect();
  street.run();
  stream.close();
  street.run();
  expect(street.herald.heard).toEqual(['streamOpened', 'streamClosed']);
  expect(street.failures).toEqual([]);
  street.run(30_000_000);
  expect(street.herald.count('streamClosed')).toBe(1);
});

test.each([
  [false, 'is found out by the first word to it', 1],
  [true, 'whose host is gone is found out by the silence', 0],
] as const)('a client that vanishes (with its host: %s) %s', (withHost, _what, soon) => {
  const street = new Street();
  const stream = street.connect();
  stream.send(progress);
  street.run();
  stream.vanish(withHost);
  street.herald.words = (streamId) => say(streamId, 0, 3);
  // The request was on its way when the client went.
  stream.send(progress);
  street.run();
  expect(street.herald.count('streamClosed')).toBe(soon);
  expect(street.read).toEqual([]);
  street.run(30_000_000);
  expect(street.herald.count('streamClosed')).toBe(1);
  expect(street.streams.open).toBe(0);
});

test('the machine ends a stream behind what it has said, and hears nothing more of it', () => {
  const street = new Street();
  street.herald.words = (streamId) => [
    ...say(streamId, 0, 5, 100),
    {
      kind: 'endStream',
      streamId,
      refusal: { kind: 'refused', code: 'NO_LEADER', message: 'etcdserver: no leader' } as never,
    },
  ];
  street.connect({ windowBytes: 150, delayUs: () => 1_000 }).send(progress);
  street.run();
  expect(street.read.map(({ text }) => text)).toEqual(counted(5));
  expect(street.failures).toEqual(['etcdserver: no leader']);
  expect(street.herald.count('streamDrained')).toBe(0);
  expect(street.herald.count('streamClosed')).toBe(0);
});

test.each([
  ['behind its own end', (streamId: number) => [...endOf(streamId), ...say(streamId, 0, 1)]],
  ['on a stream that nobody opened', (streamId: number) => say(streamId + 1, 0, 1)],
])('a machine that speaks %s is found out', (_what, words) => {
  const street = new Street();
  street.herald.words = words;
  // Little room, so that the end is not out when the word comes.
  street.connect({ windowBytes: 1, delayUs: () => 0 }).send(progress);
  expect(() => {
    street.run();
  }).toThrow(Violation);
});

function endOf(streamId: number): readonly MemberEffect[] {
  return [...say(streamId, 0, 2), { kind: 'endStream', streamId, refusal: undefined }];
}
