import { expect, test } from 'vitest';

import { bootstrap } from '../../../nodes/chainfire/bootstrap.ts';

const a = { name: 'a', host: '10.0.0.1', port: 2380 };
const b = { name: 'b', host: '10.0.0.2', port: 2380 };

test('ids follow the names, whatever the order they are listed in, and so does the cluster id', () => {
  const one = bootstrap([b, a], 'token');
  expect(one).toEqual(bootstrap([a, b], 'token'));
  expect(one.members).toEqual([
    { id: 1, name: 'a', peerUrls: ['http://10.0.0.1:2380'], address: { host: '10.0.0.1', port: 2380 } },
    { id: 2, name: 'b', peerUrls: ['http://10.0.0.2:2380'], address: { host: '10.0.0.2', port: 2380 } },
  ]);
});

test('another token, another member or another address is another cluster', () => {
  const ids = [
    bootstrap([a, b], 'token'),
    bootstrap([a, b], 'other'),
    bootstrap([a], 'token'),
    bootstrap([a, { ...b, port: 2381 }], 'token'),
    bootstrap([a, { ...b, name: 'c' }], 'token'),
  ].map(({ clusterId }) => clusterId);
  expect(new Set(ids).size).toBe(ids.length);
  for (const id of ids) expect(id > 0n && id < 1n << 64n).toBe(true);
});

test('the cluster id of given members never changes: directories carry it', () => {
  expect(bootstrap([a, b], 'photon').clusterId.toString(16)).toMatchInlineSnapshot(`"61eb86ebf504c6fe"`);
});
