import { expect, test } from 'vitest';

import { resolveSettings } from '../../../adapters/config/resolve.ts';
import { checkDiscoverySettings, discoveryPlaces } from '../../../nodes/chainfire/discovery-settings.ts';
import { chainfireSchema, type ChainfireSettings } from '../../../nodes/chainfire/settings.ts';

function settings(flags: Record<string, string>): ChainfireSettings {
  const all = { name: 'a', dataDir: '/nowhere', ...flags };
  return resolveSettings(chainfireSchema, { environment: {}, flags: all });
}

const seeds = { discoverySeeds: '10.0.0.1:2380,10.0.0.2:2380' };

test('gossip listens, and tells others to come, where the peers do', () => {
  expect(discoveryPlaces(settings({ ...seeds, listenPeer: '10.0.0.1:2390' }))).toEqual({
    peer: { host: '10.0.0.1', port: 2390 },
    client: { host: '127.0.0.1', port: 2379 },
    listen: { host: '10.0.0.1', port: 2390 },
    gossip: undefined,
  });
});

test('a listed member is told of where the list has it', () => {
  const listed = settings({ ...seeds, listenPeer: '0.0.0.0:2380', initialCluster: 'a=10.0.0.1:2380' });
  expect(() => discoveryPlaces(listed)).toThrow('listen_gossip is 0.0.0.0');
  const told = settings({ ...seeds, listenGossip: '10.0.0.1:7946', initialCluster: 'a=10.0.0.1:2380' });
  expect(discoveryPlaces(told)).toMatchObject({
    peer: { host: '10.0.0.1', port: 2380 },
    listen: { host: '10.0.0.1', port: 7946 },
  });
});

test.each([
  [{ initialClusterSize: '3' }, 'initial_cluster_size needs discovery_seeds'],
  [{ gossipKeyFile: '/key' }, 'gossip_key_file needs discovery_seeds'],
  [{ advertisePeer: '10.0.0.1:2380' }, 'advertise_peer needs discovery_seeds'],
  [
    { ...seeds, initialClusterSize: '1', initialCluster: 'a=10.0.0.1:2380' },
    'initial_cluster and initial_cluster_size exclude each other',
  ],
  [{ ...seeds, listenPeer: '0.0.0.0:2380' }, 'say with --advertise-peer where others reach it'],
  [
    { ...seeds, listenPeer: '[::]:2380', advertisePeer: '10.0.0.1:2380' },
    'listen_gossip is [::]:2380, which nobody can call: say with --advertise-gossip',
  ],
])('%j is refused', (flags, words) => {
  expect(() => checkDiscoverySettings(settings(flags as Record<string, string>))).toThrow(words);
});
