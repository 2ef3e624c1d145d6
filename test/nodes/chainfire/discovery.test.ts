import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';

import { formatAddress, parseAddress } from '../../../adapters/config/address.ts';
import { type NamedAddress } from '../../../adapters/config/values.ts';
import { formatClusterId } from '../../../adapters/peer/protocol.ts';
import { type MemberRecord } from '../../../core/swim/types.ts';
import { bootstrap } from '../../../nodes/chainfire/bootstrap.ts';
import { Discovery } from '../../../nodes/chainfire/discovery.ts';
import { type GossipEvent } from '../../../nodes/chainfire/gossip-events.ts';

const log = pino({ level: 'silent' });
const started: Discovery[] = [];
const never = new AbortController().signal;

afterEach(async () => {
  await Promise.all(started.splice(0).map((discovery) => discovery.stop()));
});

/** Two hundred times a second instead of five: the machine is the same. */
const fast = {
  gossipIntervalUs: 5_000,
  joinRetryUs: 20_000,
  probeIntervalUs: 100_000,
  probeTimeoutUs: 50_000,
};

const idOf = (members: readonly NamedAddress[]): string =>
  formatClusterId(bootstrap(members, 'token').clusterId);

async function start(
  name: string,
  seeds: readonly string[],
  port: number,
  onEvent: (event: GossipEvent) => void = () => undefined,
): Promise<Discovery> {
  const discovery = await Discovery.start({
    name,
    peer: { host: '10.0.0.1', port },
    client: { host: '10.0.0.1', port: port + 1 },
    listen: { host: '127.0.0.1', port: 0 },
    seeds: seeds.flatMap((seed) => parseAddress(seed) ?? []),
    token: 'discovery test',
    log,
    onEvent,
    swim: fast,
  });
  started.push(discovery);
  return discovery;
}

test('three members that know a seed and their number begin as the same cluster', async () => {
  const first = await start('c', [], 2380);
  const others = [await start('a', [first.address], 2390), await start('b', [first.address], 2400)];
  const found = await Promise.all([first, ...others].map((each) => each.initialCluster(3, idOf, never)));
  const members = [
    { name: 'a', host: '10.0.0.1', port: 2390 },
    { name: 'b', host: '10.0.0.1', port: 2400 },
    { name: 'c', host: '10.0.0.1', port: 2380 },
  ];
  expect(found).toEqual([1, 2, 3].map(() => ({ kind: 'begins', members })));
});

/** Two members that have agreed and run, and the one that both know. */
async function runningPair(): Promise<{ first: Discovery; second: Discovery; clusterId: string }> {
  const first = await start('a', [], 2380);
  const second = await start('b', [first.address], 2390);
  const [found] = await Promise.all([first, second].map((each) => each.initialCluster(2, idOf, never)));
  const clusterId = found?.kind === 'begins' ? idOf(found.members) : '';
  return { first, second, clusterId };
}

test('who comes to a cluster that runs hears of it, and begins no other', async () => {
  const { first, second, clusterId } = await runningPair();
  first.belongsTo(clusterId);
  second.belongsTo(clusterId);
  const late = await start('c', [first.address, second.address], 2400);
  const found = await late.initialCluster(2, idOf, never);
  expect(found).toMatchObject({ kind: 'runs', clusterId });
  const [told] = (await late.runningMembers(never)) ?? [];
  expect(['10.0.0.1:2380', '10.0.0.1:2390']).toContain(formatAddress(told ?? { host: '', port: 0 }));
});

test('a member that was started anew, and is of the cluster by now, has agreed to it', async () => {
  let announced: () => void = () => undefined;
  const hasAnnounced = new Promise<void>((done) => (announced = done));
  const first = await start('a', [], 2380);
  const second = await start('b', [first.address], 2390, ({ member }) => {
    if ((member as MemberRecord).note !== '') announced();
  });
  const clusterId = idOf([
    { name: 'a', host: '10.0.0.1', port: 2380 },
    { name: 'b', host: '10.0.0.1', port: 2390 },
  ]);
  const waiting = first.initialCluster(2, idOf, never);
  await hasAnnounced;
  // As if it had said so in an earlier life: it does not say now what it had announced then.
  second.belongsTo(clusterId);
  expect(await waiting).toMatchObject({ kind: 'begins', members: [{ name: 'a' }, { name: 'b' }] });
});

test('two members that say that they are at one address are named', async () => {
  const first = await start('a', [], 2380);
  await start('b', [first.address], 2380);
  await expect(first.initialCluster(2, idOf, never)).rejects.toThrow(
    'a and b both say that members reach them at 10.0.0.1:2380',
  );
});

test('whoever listens hears who came and who left', async () => {
  const told = new Map<string, (event: GossipEvent) => void>();
  const until = (line: string): Promise<GossipEvent> => new Promise((done) => told.set(line, done));
  const awaited = [until('a hears: b joined'), until('b hears: a joined')];
  const left = until('a hears: b left');
  const events: string[] = [];
  const listener = (name: string) => (event: GossipEvent) => {
    const line = `${name} hears: ${event.member.name} ${event.kind}`;
    events.push(line);
    told.get(line)?.(event);
  };
  const first = await start('a', [], 2380, listener('a'));
  const second = await start('b', [first.address], 2390, listener('b'));
  await Promise.all(awaited);
  await second.leave();
  expect(await left).toMatchObject({ member: { name: 'b', peerAddress: '10.0.0.1:2390' } });
  expect(events).toHaveLength(3);
  expect(first.observe().members).toMatchObject([{ name: 'b', state: 'left' }]);
});

test('one of them alone waits, and stops waiting when it is told to', async () => {
  const alone = await start('a', [], 2380);
  const stop = new AbortController();
  const waiting = alone.initialCluster(3, idOf, stop.signal);
  stop.abort();
  await expect(waiting).resolves.toBeUndefined();
});

test('one more than the cluster is to have is an error that names them all', async () => {
  const first = await start('a', [], 2380);
  const others = [await start('b', [first.address], 2390), await start('c', [first.address], 2400)];
  // Nobody asks before all of them are known, so that it is the error that is seen and no cluster of two.
  const three = await Promise.all([first, ...others].map((each) => each.initialCluster(3, idOf, never)));
  expect(three).toHaveLength(3);
  await expect(first.initialCluster(2, idOf, never)).rejects.toThrow(
    'the cluster is to begin with 2 members, and 3 have come: a, b, c',
  );
});
