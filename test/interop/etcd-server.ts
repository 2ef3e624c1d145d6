import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from './ports.ts';

export interface EtcdServer {
  /** Of all members, separated by commas. */
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** Where one etcd listens, and whom it is told of. */
interface EtcdPlace {
  readonly name: string;
  readonly client: string;
  readonly peer: string;
  readonly initialCluster: string;
  readonly state: 'new' | 'existing';
}

/** Real etcds, one if nothing else is said, each in a directory and on ports of its own. */
export async function startEtcd(flags: readonly string[] = [], count = 1): Promise<EtcdServer> {
  const ports = await freePorts(2 * count);
  const scheme = flags.includes('--cert-file') ? 'https' : 'http';
  const places = Array.from({ length: count }, (_, at) => ({
    name: count === 1 ? 'reference' : `reference-${at + 1}`,
    client: `${scheme}://127.0.0.1:${ports[2 * at] ?? 0}`,
    peer: `http://127.0.0.1:${ports[2 * at + 1] ?? 0}`,
  }));
  const initialCluster = places.map(({ name, peer }) => `${name}=${peer}`).join(',');
  const servers = await Promise.allSettled(
    places.map((place) => startOne({ ...place, initialCluster, state: 'new' }, flags)),
  );
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => (server.status === 'fulfilled' ? server.value.stop() : 0)));
  };
  for (const server of servers) {
    if (server.status === 'fulfilled') continue;
    await stop();
    throw server.reason;
  }
  return { endpoint: places.map(({ client }) => new URL(client).host).join(','), stop };
}

/** One that joins a cluster to which it has been added at this peer address. */
export function joinEtcd(peer: string, client: string, initialCluster: string): Promise<EtcdServer> {
  const name = initialCluster.split(',').find((entry) => entry.endsWith(`=${peer}`)) ?? '';
  return startOne({ name: name.split('=')[0] ?? '', client, peer, initialCluster, state: 'existing' });
}

async function startOne(place: EtcdPlace, flags: readonly string[] = []): Promise<EtcdServer> {
  const dir = mkdtempSync(join(tmpdir(), 'photon-etcd-'));
  const child = spawn(
    'etcd',
    [
      ...['--name', place.name, '--data-dir', join(dir, 'data')],
      ...['--listen-client-urls', place.client, '--advertise-client-urls', place.client],
      ...['--listen-peer-urls', place.peer, '--initial-advertise-peer-urls', place.peer],
      ...['--initial-cluster', place.initialCluster, '--initial-cluster-state', place.state],
      ...flags,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  const exited = once(child, 'exit');
  let output = '';
  await new Promise<void>((resolve, reject) => {
    child.stderr.on('data', (chunk: Buffer) => {
      output += chunk.toString('utf8');
      if (output.includes('ready to serve client requests')) resolve();
    });
    void exited.then(() => reject(new Error(`etcd ended before it served:\n${output}`)));
  });
  child.stderr.removeAllListeners('data').resume();
  return {
    endpoint: new URL(place.client).host,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
