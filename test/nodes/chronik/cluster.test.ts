import { expect, test } from 'vitest';

import { placeInCluster } from '../../../nodes/chronik/cluster.ts';

const initialCluster = [
  { name: 'c', host: '10.0.0.3', port: 9091 },
  { name: 'a', host: '10.0.0.1', port: 9091 },
  { name: 'b', host: '10.0.0.2', port: 9091 },
];
const settings = { name: 'b', initialCluster, initialClusterToken: 'photon' };

test('ids follow the names, whatever the order they are listed in; the cluster is the same', () => {
  const place = placeInCluster(settings);
  expect(place.id).toBe(2);
  expect(place.brokers.map(({ id, name }) => [id, name])).toEqual([
    [1, 'a'],
    [2, 'b'],
    [3, 'c'],
  ]);
  expect(placeInCluster({ ...settings, initialCluster: initialCluster.toReversed() })).toEqual(place);
});

test('other brokers, another address or another token are another cluster', () => {
  const ids = [
    settings,
    { ...settings, initialCluster: initialCluster.slice(1) },
    { ...settings, initialCluster: initialCluster.map((broker) => ({ ...broker, port: 9191 })) },
    { ...settings, initialClusterToken: 'other' },
  ].map((changed) => placeInCluster(changed).clusterId);
  expect(new Set(ids).size).toBe(ids.length);
});

test('a broker that is none of them is told who they are', () => {
  expect(() => placeInCluster({ ...settings, name: 'd' })).toThrow(/has no broker d; it names a, b, c/);
});
