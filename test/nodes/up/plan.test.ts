import { expect, test } from 'vitest';

import { formatAddress } from '../../../adapters/config/address.ts';
import { plan, planPlasma, takenAddresses } from '../../../nodes/up/plan.ts';

test('members are two ports apart, brokers a hundred; metrics are ten thousand above', () => {
  const planned = plan({
    ...{ dataDir: '/data', members: 2, brokers: 3, host: '127.0.0.1', port: 2379, brokerPort: 9092 },
  });
  expect(
    planned.map(({ title, dataDir, client, peer, metrics }) => [
      title,
      dataDir,
      ...[client, peer ?? client, metrics].map((address) => formatAddress(address).replace('127.0.0.1', '')),
    ]),
  ).toEqual([
    ['member a', '/data/a', ':2379', ':2380', ':12379'],
    ['member b', '/data/b', ':2381', ':2382', ':12381'],
    ['broker a', '/data/chronik/a', ':9092', ':9091', ':19092'],
    ['broker b', '/data/chronik/b', ':9192', ':9191', ':19192'],
    ['broker c', '/data/chronik/c', ':9292', ':9291', ':19292'],
  ]);
});

test('two that want one port are named', async () => {
  const planned = plan({
    ...{ dataDir: '/data', members: 1, brokers: 1, host: '127.0.0.1', port: 29_130, brokerPort: 29_132 },
  });
  expect(await takenAddresses(planned)).toContain(
    '127.0.0.1:29131 (peer port of broker a): also the peer port of member a',
  );
});

test('PlasmaVMC has a server, a storage node and agents a hundred ports apart, each told of what it asks', () => {
  const host = '127.0.0.1';
  const planned = planPlasma({
    ...{ dataDir: '/data', host, port: 7_070, agents: 2, memoryBytes: 1_024 },
    members: [{ host, port: 2_379 }],
  });
  expect(
    planned.map(({ title, dataDir, client, peer, metrics }) => [
      title,
      dataDir,
      ...[client.port, peer?.port, metrics.port],
    ]),
  ).toEqual([
    ['plasma server', '/data/plasma/server', 7_070, undefined, 17_070],
    ['plasma storage', '/data/plasma/storage', 7_072, 7_073, 17_072],
    ['agent n1', '/data/plasma/n1', 7_071, undefined, 17_071],
    ['agent n2', '/data/plasma/n2', 7_171, undefined, 17_171],
  ]);
  expect(planned[0]?.plasma?.further).toContain('127.0.0.1:2379');
  expect(planned[3]?.plasma?.further).toEqual(
    expect.arrayContaining(['127.0.0.1:7070', '127.0.0.1:7072', '1024', 'kill']),
  );
});
