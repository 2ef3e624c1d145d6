import { expect, test } from 'vitest';

import { bytesFromLatin1, noBytes } from '../../core/base/bytes.ts';
import { InvariantError } from '../../core/base/assert.ts';
import { nodeId } from '../../core/base/ids.ts';
import { type MemberEffect, type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { InstallFailed } from '../../sim/disk/failure.ts';
import { SimulatedSegments } from '../../sim/disk/segments.ts';
import { SimulatedStore } from '../../sim/disk/store.ts';
import { OutputGate } from '../../sim/gate.ts';
import { DamagedBatchError, UnreadableError } from '../../core/storage/read-errors.ts';
import { seededPrng } from '../../sim/prng.ts';
import { type MemberMachine, type MemberTypes } from '../../sim/member-machine.ts';
import { type ProcessMachine } from '../../sim/process-protocol.ts';
import { type ProcessOptions, SimulatedProcess } from '../../sim/process.ts';
import { Violation } from '../../sim/types.ts';
import { World } from '../../sim/world.ts';

/** Answers each event from a script; wakes when it is told to. */
class Puppet implements MemberMachine {
  deadlineUs: number;
  readonly events: { readonly event: MemberEvent; readonly nowUs: number }[] = [];
  readonly #script: (event: MemberEvent) => readonly MemberEffect[];

  constructor(script: (event: MemberEvent) => readonly MemberEffect[], nowUs: number) {
    this.#script = script;
    this.deadlineUs = nowUs;
  }

  step(event: MemberEvent, nowUs: number): readonly MemberEffect[] {
    this.events.push({ event, nowUs });
    this.deadlineUs = Infinity;
    return this.#script(event);
  }
}

interface Stage {
  readonly world: World;
  readonly process: SimulatedProcess<Puppet, MemberTypes>;
  readonly segments: SimulatedSegments;
  readonly store: SimulatedStore;
  /** What left, with its time. */
  readonly left: string[];
  /** Syncs that were told of, and with them what waited for them. */
  readonly synced: readonly number[];
  readonly lives: Puppet[];
}

function stage(
  script: (event: MemberEvent, life: number) => readonly MemberEffect[],
  options: Partial<Pick<ProcessOptions<Puppet, MemberTypes>, 'gate' | 'driftPpm' | 'wallUs'>> & {
    readonly seed?: string;
  } = {},
): Stage {
  const world = new World();
  const prng = seededPrng(options.seed ?? 'process');
  const segments = new SimulatedSegments({ world, prng: prng.fork('segments'), syncMedianUs: 1_000 });
  const store = new SimulatedStore({ world, prng: prng.fork('store'), tables: ['t'], flushMedianUs: 1_000 });
  const left: string[] = [];
  const synced: number[] = [];
  const lives: Puppet[] = [];
  const process = new SimulatedProcess<Puppet, MemberTypes>({
    node: nodeId(1),
    world,
    prng,
    segments,
    store,
    driftPpm: options.driftPpm ?? 0,
    ...(options.wallUs === undefined ? {} : { wallUs: options.wallUs }),
    ...(options.gate === undefined ? {} : { gate: options.gate }),
    recover: (_process, _prng, nowUs) => {
      const life = lives.length + 1;
      const puppet = new Puppet((event) => script(event, life), nowUs);
      lives.push(puppet);
      return puppet;
    },
    surroundings: {
      send: (_from, effect) => left.push(`send to ${effect.to}, durable ${segments.durable}`),
      reply: (_from, effect) => left.push(`reply ${effect.requestId}, durable ${segments.durable}`),
      notify: () => undefined,
      endStream: () => undefined,
      sendSnapshot: () => undefined,
      recovered: () => undefined,
      synced: (_process, syncSeq) => synced.push(syncSeq),
      stepped: () => undefined,
      ended: () => left.push('ended'),
      diskFailed: (_process, failure) => left.push(`${failure} failed`),
    },
  });
  return { world, process, segments, store, left, synced, lives };
}

function requested(requestId: number): MemberEvent {
  return { kind: 'requested', requestId, request: { kind: 'status', request: {} } };
}

function persist(syncSeq: number, file = 'log/1'): MemberEffect {
  return { kind: 'persist', syncSeq, appends: [{ file, bytes: bytesFromLatin1('entry') }] };
}

function send(to: number, afterSyncSeq: number): MemberEffect {
  return { kind: 'send', to: nodeId(to), messages: [], afterSyncSeq };
}

const kinds = (puppet: Puppet | undefined): string[] => (puppet?.events ?? []).map(({ event }) => event.kind);

test('the first event of a life is a tick, since a recovered machine has its deadline behind it', () => {
  const { world, process, lives } = stage(() => []);
  process.start();
  world.runUntil(10_000);
  expect(kinds(lives[0])).toEqual(['tick']);
});

test('gated effects leave when their sync has ended, the others at once', () => {
  const { world, process, left } = stage((event) =>
    event.kind === 'tick' ? [persist(1), send(2, 1), send(3, 0)] : [],
  );
  process.start();
  world.runUntil(1_000_000);
  expect(left).toEqual(['send to 3, durable 0', 'send to 2, durable 1']);
});

test('what came together is stepped together and shares one sync; what comes meanwhile waits for the next', () => {
  let syncSeq = 0;
  const { world, process, lives } = stage((event) => {
    if (event.kind !== 'requested') return [];
    syncSeq += 1;
    return [persist(syncSeq)];
  });
  process.start();
  world.runUntil(10_000);
  for (const requestId of [1, 2, 3]) process.deliver(requested(requestId));
  world.runUntil(world.nowUs + 100);
  for (const requestId of [4, 5]) process.deliver(requested(requestId));
  world.runUntil(1_000_000);
  const synced = (lives[0]?.events ?? []).flatMap(({ event }) =>
    event.kind === 'synced' ? [event.syncSeq] : [],
  );
  expect(synced).toEqual([3, 5]);
});

test('segments are removed only when every earlier append is durable', () => {
  const { world, process, segments } = stage((event) =>
    event.kind === 'tick'
      ? [persist(1, 'log/1'), { kind: 'removeSegments', files: ['log/1'] }, persist(2, 'log/2')]
      : [],
  );
  process.start();
  world.runUntil(100);
  expect(segments.list('').map(({ file }) => file)).toEqual(['log/1', 'log/2']);
  world.runUntil(1_000_000);
  expect(segments.list('').map(({ file }) => file)).toEqual(['log/2']);
});

test('a gate that leaks is found out, whatever it thinks itself', () => {
  class Leaking<Effect extends { readonly afterSyncSeq: number }> extends OutputGate<Effect> {
    override passes(): boolean {
      return true;
    }
  }
  const { world, process } = stage((event) => (event.kind === 'tick' ? [persist(1), send(2, 1)] : []), {
    gate: () => new Leaking(),
  });
  process.start();
  expect(() => {
    world.runUntil(1_000_000);
  }).toThrow('a send left that waits for sync 1, while sync 1 could still be lost');
});

test('a machine that uses a sync number twice is found out', () => {
  const { world, process } = stage((event) =>
    event.kind === 'tick' ? [persist(1), { kind: 'persist', syncSeq: 1, appends: [] }] : [],
  );
  process.start();
  expect(() => {
    world.runUntil(1_000_000);
  }).toThrow(Violation);
});

test.each([
  ['invariant', new InvariantError('two and two are four')],
  ['thrown', new TypeError('two and two are four')],
])('a machine that throws is a violation of the run, %s, with the member’s name', (invariant, failure) => {
  const { world, process } = stage((event) => {
    if (event.kind === 'tick') throw failure;
    return [];
  });
  process.start();
  let caught: unknown;
  try {
    world.runUntil(1_000_000);
  } catch (thrown) {
    caught = thrown;
  }
  expect(caught).toBeInstanceOf(Violation);
  expect(caught).toMatchObject({
    invariant,
    message: expect.stringContaining('member 1: two and two are four'),
  });
});

test('a member that says it must not go on ends the run', () => {
  const { world, process } = stage((event) =>
    event.kind === 'tick' ? [{ kind: 'stop', reason: 'no more' }] : [],
  );
  process.start();
  expect(() => {
    world.runUntil(1_000_000);
  }).toThrow('member 1 stopped: no more');
  expect(process.stopped).toBe(true);
});

test('what was gated when the process died never leaves, and nothing of its life reaches the next', () => {
  const { world, process, left, lives } = stage((event, life) =>
    life === 1 && event.kind === 'tick' ? [persist(1), send(2, 1)] : [],
  );
  process.start();
  world.runUntil(100);
  process.deliver(requested(1));
  process.crash('machine');
  expect(process.deliver(requested(2))).toBe(false);
  world.runUntil(500_000);
  process.start();
  world.runUntil(1_000_000);
  expect(left).toEqual(['ended']);
  expect(kinds(lives[1])).toEqual(['tick']);
  expect(process.boot).toBe(2);
});

test('a process whose sync fails ends by itself, and says so', () => {
  const { world, process, segments, left } = stage((event) =>
    event.kind === 'tick' ? [persist(1), send(2, 1)] : [],
  );
  segments.failNextSync();
  process.start();
  world.runUntil(1_000_000);
  expect(left).toEqual(['ended', 'sync failed']);
  expect(process.alive).toBe(false);
});

test('what a sync has let out has left, and is told of, even if the disk fails the step that hears of it', () => {
  const { world, process, left, synced } = stage((event) => {
    if (event.kind === 'synced') throw new UnreadableError('log/1');
    return event.kind === 'tick' ? [persist(1), send(2, 1)] : [];
  });
  process.start();
  world.runUntil(1_000_000);
  expect(left).toEqual(['send to 2, durable 1', 'ended', 'read failed']);
  expect(synced).toEqual([1]);
});

test('a paused process lets its events wait, while its disk goes on', () => {
  const { world, process, segments, lives, left } = stage((event) =>
    event.kind === 'tick' ? [persist(1), send(2, 1)] : [],
  );
  process.start();
  world.runUntil(70);
  expect(segments.syncUnderWay).toBe(true);
  expect(process.pause()).toBe(true);
  process.deliver(requested(1));
  world.runUntil(1_000_000);
  expect(segments.durable).toBe(1);
  expect(left).toEqual([]);
  expect(kinds(lives[0])).toEqual(['tick']);
  process.resume();
  world.runUntil(2_000_000);
  expect(left).toEqual(['send to 2, durable 1']);
  expect(kinds(lives[0]).slice(1).sort()).toEqual(['requested', 'synced']);
});

test('a process that has not heard yet that its disk has written everything is not settled', () => {
  const { world, process, segments } = stage((event) => (event.kind === 'tick' ? [persist(1)] : []));
  process.start();
  expect(process.settled).toBe(true);
  while (segments.appended === 0) world.runUntil(world.nowUs + 1);
  expect(process.settled).toBe(false);
  process.pause();
  world.runUntil(1_000_000);
  expect(segments.durable).toBe(1);
  expect(process.settled).toBe(false);
  process.resume();
  world.runUntil(2_000_000);
  expect(process.settled).toBe(true);
});

test('a stored batch is reported to the life that wrote it alone', () => {
  const write = (process: SimulatedProcess<Puppet, MemberTypes>): void => {
    process.store.write([{ table: 't', key: 'k', value: noBytes }]);
  };
  const { world, process, lives } = stage(() => []);
  process.start();
  world.runUntil(10_000);
  write(process);
  process.crash('process');
  process.start();
  world.runUntil(1_000_000);
  expect(kinds(lives[1])).toEqual(['tick']);
  write(process);
  world.runUntil(2_000_000);
  expect(lives[1]?.events.at(-1)?.event).toEqual({ kind: 'stored', storeSeq: 1 });
});

test('a machine sees its own node’s clock: from anywhere, at its own speed, never early', () => {
  const { world, process, lives } = stage(() => [], { driftPpm: 50_000 });
  process.start();
  world.runUntil(10_000);
  const first = lives[0] as Puppet;
  const startUs = first.events[0]?.nowUs ?? 0;
  const dueUs = startUs + 10_500_000;
  first.deadlineUs = dueUs;
  process.deliver(requested(1));
  world.runUntil(20_000);
  first.deadlineUs = dueUs;
  process.deliver(requested(2));
  first.step = (event, nowUs) => {
    first.events.push({ event, nowUs });
    if (event.kind === 'tick') first.deadlineUs = Infinity;
    return [];
  };
  world.runUntil(9_900_000);
  expect(kinds(first).filter((kind) => kind === 'tick')).toHaveLength(1);
  world.runUntil(10_100_000);
  const tick = first.events.at(-1);
  expect(tick?.event.kind).toBe('tick');
  expect(tick?.nowUs).toBeGreaterThanOrEqual(dueUs);
  expect(tick?.nowUs).toBeLessThan(dueUs + 2_000);
  process.crash('process');
  process.start();
  world.runUntil(10_200_000);
  expect(Math.abs((lives[1]?.events[0]?.nowUs ?? 0) - dueUs)).toBeGreaterThan(1_000_000);
});

test('a crash can wait for a sync to be under way', () => {
  const { world, process, segments } = stage((event) => (event.kind === 'requested' ? [persist(1)] : []));
  process.start();
  let struckWhileSyncing: boolean | undefined;
  process.crashAt('syncing', () => {
    struckWhileSyncing = segments.syncUnderWay;
    process.crash('machine');
  });
  world.runUntil(1_000_000);
  expect(process.alive).toBe(true);
  process.deliver(requested(1));
  world.runUntil(2_000_000);
  expect(struckWhileSyncing).toBe(true);
  expect(process.alive).toBe(false);
});

test('a crash can strike between a snapshot’s installation and all that should follow it', () => {
  const { world, process, segments, store } = stage((event) => {
    if (event.kind !== 'requested') return [];
    store.installStage(store.openStage());
    return [persist(1)];
  });
  process.start();
  process.crashAt('installing', () => {
    process.crash('machine');
  });
  process.deliver(requested(1));
  world.runUntil(1_000_000);
  expect(process.alive).toBe(false);
  expect(store.installed).toBe(1);
  expect(segments.appended).toBe(0);
});

test('a process looks at the wall clock as it starts and once a second, not while it is stopped, and survives every jump', () => {
  const { world, process, lives } = stage(() => [], { wallUs: 5_000_000_000 });
  process.start();
  world.runUntil(2_500_000);
  process.jumpWall(-3_000_000_000);
  process.pause();
  world.runUntil(5_500_000);
  process.resume();
  world.runUntil(6_500_000);
  const readings = (): number[] =>
    (lives.at(-1)?.events ?? []).flatMap(({ event }) => (event.kind === 'wallClock' ? [event.wallUs] : []));
  expect(readings()).toEqual([5_000_000_000, 5_001_000_000, 5_002_000_000, 2_006_000_000]);
  // A restart begins a new monotonic clock; the wall clock goes on.
  process.crash('machine');
  process.start();
  world.runUntil(6_600_000);
  expect(readings()).toEqual([2_006_500_000]);
});

test('a process without a wall clock is told of none', () => {
  const { world, process, lives } = stage(() => []);
  process.start();
  world.runUntil(3_000_000);
  expect(lives[0]?.events.some(({ event }) => event.kind === 'wallClock')).toBe(false);
});

test.each([
  ['cannot read', () => new UnreadableError('EIO'), 'read failed'],
  ['finds what it has not written', () => new DamagedBatchError('batch 7'), 'damage failed'],
  ['cannot take over a snapshot', () => new InstallFailed('ENOSPC'), 'flush failed'],
] as const)('a machine that %s takes its process along, and no more', (_what, thrown, said) => {
  const { world, process, left } = stage((event) => {
    if (event.kind === 'stored') throw thrown();
    return [];
  });
  process.start();
  process.inform({ kind: 'stored', storeSeq: 1 });
  world.runUntil(1_000_000);
  expect(left).toEqual(['ended', said]);
  expect(process.alive).toBe(false);
  process.start();
  expect(process.alive).toBe(true);
});

test('a store that has no room ends the process', () => {
  const { world, process, store, left } = stage(() => []);
  process.start();
  store.fill(true);
  store.write([{ table: 't', key: 'k', value: new Uint8Array(1) }]);
  world.runUntil(1_000_000);
  expect(left).toEqual(['ended', 'flush failed']);
});

test('a machine that loses its power loses what it had cached, whether or not its process still lives', () => {
  const lengths = new Set<number>();
  for (let seed = 0; seed < 20; seed += 1) {
    const { process, segments } = stage(() => [], { seed: `power ${seed}` });
    process.start();
    segments.append('a', new Uint8Array(5_000).fill(1));
    process.crash('process');
    expect(segments.read('a', 0, 9_999)).toHaveLength(5_000);
    process.crash('machine');
    lengths.add(segments.read('a', 0, 9_999).filter((byte) => byte === 1).length);
  }
  expect(lengths.size).toBeGreaterThan(5);
});

test('a machine with ports of its own: an act waits for its sync, and what comes of it is stepped', () => {
  interface PortedTypes extends Omit<MemberTypes, 'act' | 'report'> {
    readonly act: string;
    readonly report: string;
  }
  const world = new World();
  const prng = seededPrng('ports');
  const segments = new SimulatedSegments({ world, prng: prng.fork('segments'), syncMedianUs: 1_000 });
  const store = new SimulatedStore({ world, prng: prng.fork('store'), tables: ['t'], flushMedianUs: 1_000 });
  const happened: string[] = [];
  type Ported = ProcessMachine<PortedTypes>;
  const machine: Ported & { deadlineUs: number } = {
    deadlineUs: 0,
    step(event) {
      machine.deadlineUs = Infinity;
      if (event.kind === 'acted') happened.push(`told: ${event.report}`);
      return event.kind === 'tick'
        ? [
            { kind: 'persist', syncSeq: 1, appends: [{ file: 'log/1', bytes: bytesFromLatin1('intent') }] },
            { kind: 'act', act: 'launch', afterSyncSeq: 1 },
            { kind: 'act', act: 'look', afterSyncSeq: 0 },
          ]
        : [];
    },
  };
  const silent = () => undefined;
  const process = new SimulatedProcess<Ported, PortedTypes>({
    ...{ node: nodeId(1), world, prng, segments, store, driftPpm: 0, recover: () => machine },
    surroundings: {
      ...{ send: silent, reply: silent, notify: silent, endStream: silent, sendSnapshot: silent },
      ...{ recovered: silent, synced: silent, stepped: silent, ended: silent, diskFailed: silent },
      act: (from, { act }) => {
        happened.push(`${act}, durable ${segments.durable}`);
        if (act === 'launch') from.inform({ kind: 'acted', report: 'launched' });
      },
    },
  });
  process.start();
  world.runUntil(1_000_000);
  expect(happened).toEqual(['look, durable 0', 'launch, durable 1', 'told: launched']);
});
