import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';

import { parseAddress } from '../../../adapters/config/address.ts';
import { bootstrap } from '../../../nodes/chainfire/bootstrap.ts';
import { Discovery } from '../../../nodes/chainfire/discovery.ts';

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

async function start(name: string, seeds: readonly string[], port: number): Promise<Discovery> {
  const discovery = await Discovery.start({
    name,
    peer: { host: '10.0.0.1', port },
    client: { host: '10.0.0.1', port: port + 1 },
    listen: { host: '127.0.0.1', port: 0 },
    seeds: seeds.flatMap((seed) => parseAddress(seed) ?? []),
    token: 'discovery test',
    log,
    swim: fast,
  });
  started.push(discovery);
  return discovery;
}

test('three members that know a seed and their number begin as the same cluster', async () => {
  const first = await start('c', [], 2380);
  const others = [await start('a', [first.address], 2390), await start('b', [first.address], 2400)];
  const found = await Promise.all([first, ...others].map((each) => each.initialCluster(3, never)));
  expect(found[0]).toEqual([
    { name: 'a', host: '10.0.0.1', port: 2390 },
    { name: 'b', host: '10.0.0.1', port: 2400 },
    { name: 'c', host: '10.0.0.1', port: 2380 },
  ]);
  const ids = found.map((members) => bootstrap(members ?? [], 'token').clusterId);
  expect(new Set(ids).size).toBe(1);
});

test('one of them alone waits, and stops waiting when it is told to', async () => {
  const alone = await start('a', [], 2380);
  const stop = new AbortController();
  const waiting = alone.initialCluster(3, stop.signal);
  stop.abort();
  await expect(waiting).resolves.toBeUndefined();
});

test('one more than the cluster is to have is an error that names them all', async () => {
  const first = await start('a', [], 2380);
  const others = [await start('b', [first.address], 2390), await start('c', [first.address], 2400)];
  // Nobody asks before all of them are known, so that it is the error that is seen and no cluster of two.
  const three = await Promise.all([first, ...others].map((each) => each.initialCluster(3, never)));
  expect(three).toHaveLength(3);
  await expect(first.initialCluster(2, never)).rejects.toThrow(
    'the cluster is to begin with 2 members, and 3 have come: a, b, c',
  );
});
