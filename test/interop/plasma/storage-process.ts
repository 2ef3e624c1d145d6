import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { type ClientCredentials } from '../../../adapters/grpc/client.ts';
import { PlasmaStorageClient } from '../../../adapters/grpc/plasma-storage-client.ts';
import { type StorageRequest, type StorageResponse } from '../../../core/plasma/storage-protocol.ts';
import { untilReady } from './plasma-process.ts';

const photon = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));
const answersWithinUs = 10_000_000;

/** A `photon plasma storage` of its own, and a client of it. */
export class StorageProcess {
  readonly client: PlasmaStorageClient;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #log = '';

  /** @param ports of agents, of NBD, of metrics */
  constructor(
    dataDir: string,
    ports: readonly number[],
    further: readonly string[] = [],
    tls?: ClientCredentials,
  ) {
    const [agents = 0, nbd = 0, metrics = 0] = ports;
    this.#args = [
      ...['plasma', 'storage', '--name', 's1', '--data-dir', dataDir],
      ...['--listen', `127.0.0.1:${agents}`, '--listen-nbd', `127.0.0.1:${nbd}`],
      ...['--listen-metrics', `127.0.0.1:${metrics}`, ...further],
    ];
    this.client = new PlasmaStorageClient({ address: { host: '127.0.0.1', port: agents }, tls });
  }

  get log(): string {
    return this.#log;
  }

  /** Resolves when it serves. */
  async start(): Promise<void> {
    const child = spawn(process.execPath, [photon, ...this.#args], {
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    });
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#log += text;
    });
    await untilReady(child, () => `the storage node: ${this.#log}`);
  }

  request(request: StorageRequest): Promise<StorageResponse> {
    return this.client.request(request, answersWithinUs);
  }

  async end(signal: 'SIGTERM' | 'SIGKILL'): Promise<number | null> {
    const child = this.#child;
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return null;
    const exited = once(child, 'exit');
    child.kill(signal);
    const [code] = (await exited) as [number | null];
    return code;
  }
}
