import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { freePorts } from './ports.ts';

export interface EtcdServer {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** One real etcd, in a directory and on ports of its own. */
export async function startEtcd(flags: readonly string[] = []): Promise<EtcdServer> {
  const dir = mkdtempSync(join(tmpdir(), 'photon-etcd-'));
  const [clientPort = 0, peerPort = 0] = await freePorts(2);
  const client = `http://127.0.0.1:${clientPort}`;
  const peer = `http://127.0.0.1:${peerPort}`;
  const child = spawn(
    'etcd',
    [
      ...['--name', 'reference', '--data-dir', join(dir, 'data')],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...[
        '--listen-peer-urls',
        peer,
        '--initial-advertise-peer-urls',
        peer,
        '--initial-cluster',
        `reference=${peer}`,
      ],
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
    endpoint: `127.0.0.1:${clientPort}`,
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
      rmSync(dir, { recursive: true, force: true });
    },
  };
}
