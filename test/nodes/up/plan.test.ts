import { expect, test } from 'vitest';

import { formatAddress } from '../../../adapters/config/address.ts';
import { plan, takenAddresses } from '../../../nodes/up/plan.ts';

test('members are two ports apart, brokers a hundred; metrics are ten thousand above', () => {
  const planned = plan({
    ...{ dataDir: '/data', members: 2, brokers: 3, host: '127.0.0.1', port: 2379, brokerPort: 9092 },
  });
  expect(
    planned.map(({ title, dataDir, client, peer, metrics }) => [
      title,
      dataDir,
      ...[client, peer, metrics].map((address) => formatAddress(address).replace('127.0.0.1', '')),
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
