import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { afterEach, expect, test } from 'vitest';

import { UdpGossip, type UdpGossipOptions } from '../../../adapters/swim/udp-gossip.ts';
import { defaultSwimOptions, type SwimOptions } from '../../../core/swim/config.ts';
import { seededPrng } from '../../../sim/prng.ts';

type Heard = Parameters<UdpGossipOptions['onEffect']>[0];

/** A hundred times as fast as by default: what takes seconds takes no time here. */
const fast: SwimOptions = {
  ...defaultSwimOptions,
  probeIntervalUs: 50_000,
  probeTimeoutUs: 25_000,
  gossipIntervalUs: 10_000,
  syncIntervalUs: 200_000,
  joinRetryUs: 50_000,
  reconnectIntervalUs: 200_000,
  leaveTimeoutUs: 500_000,
};

/** A member on a socket of its own, and everything that it has said to its owner. */
class Subject {
  readonly heard: Heard[] = [];
  readonly #gossip: UdpGossip;
  #waiting: (() => void)[] = [];

  static async start(
    name: string,
    seeds: readonly string[],
    { cluster = 'test', secret }: { cluster?: string; secret?: Uint8Array } = {},
  ): Promise<Subject> {
    const heard: Heard[] = [];
    const gossip = await UdpGossip.start({
      listen: { host: '127.0.0.1', port: 0 },
      secret,
      config: {
        ...fast,
        cluster,
        seeds,
        self: { name, clientAddress: `client-${name}`, peerAddress: '', note: '' },
      },
      prng: seededPrng(`udp ${name}`),
      onEffect: (effect) => {
        heard.push(effect);
        subject.wake();
      },
      onBroken: (failure) => {
        throw failure;
      },
    });
    const subject = new Subject(gossip, heard);
    started.push(subject);
    return subject;
  }

  private constructor(gossip: UdpGossip, heard: Heard[]) {
    this.#gossip = gossip;
    this.heard = heard;
  }

  get gossip(): UdpGossip {
    return this.#gossip;
  }

  get live(): readonly string[] {
    return this.#gossip.live.map(({ name }) => name);
  }

  /** Until what it holds satisfies; it is asked whenever that has changed. */
  async until(satisfied: (subject: Subject) => boolean): Promise<void> {
    while (!satisfied(this)) await new Promise<void>((done) => this.#waiting.push(done));
  }

  wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const done of waiting) done();
  }
}

const started: Subject[] = [];

afterEach(async () => {
  await Promise.all(started.splice(0).map(({ gossip }) => gossip.stop()));
});

test('two members on sockets find each other: one is told of the other by its seed', async () => {
  const first = await Subject.start('a', []);
  const second = await Subject.start('b', [first.gossip.address]);
  await Promise.all([first, second].map((subject) => subject.until(({ live }) => live.length === 2)));
  expect(first.live).toEqual(['a', 'b']);
  expect(second.gossip.live.map(({ clientAddress }) => clientAddress)).toEqual(['client-a', 'client-b']);
  await second.until(({ heard }) => heard.some(({ kind }) => kind === 'clusterJoined'));
});

test('of five members one dies without a word: every other hears of it, and of no other death', async () => {
  const names = ['a', 'b', 'c', 'd', 'e'];
  const subjects: Subject[] = [];
  for (const name of names) subjects.push(await Subject.start(name, subjects.slice(0, 1).map(addressOf)));
  await Promise.all(subjects.map((subject) => subject.until(({ live }) => live.length === names.length)));
  const [victim, ...others] = subjects;
  await victim?.gossip.stop();
  await Promise.all(others.map((subject) => subject.until(({ heard }) => deaths(heard).length > 0)));
  for (const { heard, live } of others) {
    expect(deaths(heard)).toEqual(['a']);
    expect(live).toEqual(['b', 'c', 'd', 'e']);
  }
});

test('who leaves says so: the others take it for left, not for dead', async () => {
  const first = await Subject.start('a', []);
  const second = await Subject.start('b', [first.gossip.address]);
  await first.until(({ live }) => live.length === 2);
  await second.until(({ live }) => live.length === 2);
  await second.gossip.leave();
  await first.until(({ live }) => live.length === 1);
  const changes = first.heard.flatMap((effect) => (effect.kind === 'memberChanged' ? effect.change : []));
  expect(changes).toEqual(['joined', 'left']);
});

test('what is no gossip, and gossip of another cluster, is counted and changes nothing', async () => {
  const subject = await Subject.start('a', []);
  const stranger = await Subject.start('b', [subject.gossip.address], { cluster: 'another' });
  const socket = createSocket('udp4');
  const port = Number(subject.gossip.address.split(':')[1]);
  for (
    let count = 0;
    subject.gossip.counts.damaged === 0 || subject.gossip.counts.foreign === 0;
    count += 1
  ) {
    expect(count).toBeLessThan(100_000);
    await new Promise((done) => {
      socket.send(new Uint8Array([1, 2, 3]), port, '127.0.0.1', done);
    });
    await new Promise((done) => setImmediate(done));
  }
  socket.close();
  expect(subject.live).toEqual(['a']);
  expect(stranger.live).toEqual(['b']);
});

test('who has not the secret is not heard, and hears nothing', async () => {
  const secret = Buffer.from('what the members know');
  const first = await Subject.start('a', [], { secret });
  const seeds = [first.gossip.address];
  const stranger = await Subject.start('x', seeds);
  const guesser = await Subject.start('y', seeds, { secret: Buffer.from('what they do not') });
  const second = await Subject.start('b', seeds, { secret });
  await Promise.all([first, second].map((subject) => subject.until(({ live }) => live.length === 2)));
  // Both strangers go on asking: what is awaited is counted with their next datagrams.
  await second.gossip.leave();
  await first.until(({ live, gossip }) => live.length === 1 && gossip.counts.unsigned >= 2);
  expect(
    first.heard.flatMap((each) => (each.kind === 'memberChanged' ? each.member.name : [])),
  ).not.toContain('x');
  expect([stranger.live, guesser.live]).toEqual([['x'], ['y']]);
  expect(stranger.gossip.counts.unsigned + stranger.gossip.counts.damaged).toBe(0);
});

test('an address that another holds is refused by name', async () => {
  const holder = createSocket('udp4');
  holder.bind(0, '127.0.0.1');
  await once(holder, 'listening');
  const { port } = holder.address();
  const config = { ...fast, cluster: 'test', seeds: [] };
  const start = UdpGossip.start({
    listen: { host: '127.0.0.1', port },
    config: { ...config, self: { name: 'a', clientAddress: '', peerAddress: '', note: '' } },
    prng: seededPrng('taken'),
    onEffect: () => undefined,
    onBroken: () => undefined,
  });
  await expect(start).rejects.toThrow(`gossip cannot listen on 127.0.0.1:${port}`);
  holder.close();
});

function addressOf({ gossip }: Subject): string {
  return gossip.address;
}

function deaths(heard: readonly Heard[]): readonly string[] {
  return heard.flatMap((effect) => {
    return effect.kind === 'memberChanged' && effect.change === 'died' ? effect.member.name : [];
  });
}
