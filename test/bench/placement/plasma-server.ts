import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { parseAddress } from '../../../adapters/config/address.ts';
import { isProcessMessage } from '../../../nodes/process/process-messages.ts';
import { freePorts } from '../../interop/ports.ts';

const photonFile = fileURLToPath(new URL('../../../nodes/photon.ts', import.meta.url));

/** A `photon plasma server` as a process of its own. */
export class PlasmaServerProcess {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #endpoint: string;
  readonly #metrics: string;

  private constructor(child: ChildProcess, endpoint: string, metrics: string) {
    this.pid = child.pid ?? 0;
    this.#child = child;
    this.#endpoint = endpoint;
    this.#metrics = metrics;
  }

  /** Resolves when it leads. */
  static async start(dir: string, chainfire: readonly string[]): Promise<PlasmaServerProcess> {
    const [listen = 0, listenMetrics = 0] = await freePorts(2);
    const at = (port: number): string => `127.0.0.1:${port}`;
    const logFile = join(dir, 'server.log');
    const log = openSync(logFile, 'a');
    const child = spawn(
      process.execPath,
      [
        ...[photonFile, 'plasma', 'server', '--name', 'bench', '--data-dir', join(dir, 'server')],
        ...['--listen', at(listen), '--listen-metrics', at(listenMetrics)],
        ...['--chainfire', chainfire.join(',')],
      ],
      { stdio: ['ignore', log, log, 'ipc'] },
    );
    closeSync(log);
    const kill = (): boolean => child.kill('SIGKILL');
    process.once('exit', kill);
    child.once('exit', () => process.off('exit', kill));
    const server = new PlasmaServerProcess(child, at(listen), at(listenMetrics));
    await server.#ready(logFile);
    return server;
  }

  client(): PlasmaClient {
    const address = parseAddress(this.#endpoint);
    if (address === undefined) throw new Error(`${this.#endpoint} is no address`);
    return new PlasmaClient({ address });
  }

  /** The value of one of its metrics, without the prefix that all of them have. */
  async metric(name: string): Promise<number> {
    const text = await (await fetch(`http://${this.#metrics}/metrics`)).text();
    const line = text.split('\n').find((each) => each.startsWith(`photon_plasma_server_${name}`));
    if (line === undefined) throw new Error(`a server has no metric ${name}`);
    return Number(line.slice(line.lastIndexOf(' ') + 1));
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    await exited;
  }

  #ready(logFile: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#child.on('message', (message) => {
        if (isProcessMessage(message) && message.kind === 'ready') resolve();
      });
      this.#child.once('exit', (code) => {
        reject(new Error(`the server has ended with ${code}:\n${readFileSync(logFile, 'utf8')}`));
      });
    });
  }
}
