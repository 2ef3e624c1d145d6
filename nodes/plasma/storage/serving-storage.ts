import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Logger } from 'pino';

import { type Address, formatAddress } from '../../../adapters/config/address.ts';
import { type DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { type MountHooks } from '../../../adapters/grpc/mount.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { Health, healthService } from '../../../adapters/grpc/services/health.ts';
import { plasmaStorageService, type StoragePort } from '../../../adapters/grpc/services/plasma-storage.ts';
import { MetricsServer, type ObservedProcess } from '../../../adapters/metrics/http-server.ts';
import { StorageMetrics } from '../../../adapters/metrics/storage-metrics.ts';
import { type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { RunnerError } from '../../../adapters/runner/runner-error.ts';
import { bytesPerMib, usPerSecond } from '../../../core/base/units.ts';
import { defaultDiskExportsSettings } from '../../../core/plasma/storage/exports-protocol.ts';
import { storageServiceName } from '../../../core/plasma/wire/storage.ts';
import { DataLossError } from '../../../core/raft/data-loss.ts';
import { StartError } from '../../process/start-error.ts';
import { StrangerLog } from '../../process/stranger-log.ts';
import { version } from '../../version.ts';
import { type PlasmaSecurity } from '../security.ts';
import { LiveStorage } from './live-storage.ts';
import { type StorageSettings } from './settings.ts';
import { everybody, onlyPlasma } from './storage-authorizer.ts';

export const storageSystem = 'plasma-storage';

export interface ServingStorageParts {
  readonly settings: StorageSettings;
  readonly security: PlasmaSecurity;
  /** Released when the node is closed; not when it cannot be opened. */
  readonly directory: DataDirectory;
  readonly log: Logger;
}

/** Calls that are under way when the node stops have this long to end. */
const stopGraceMs = 2_000;

/** A storage node with its ports. Ports are taken before anything is written; who comes before it is recovered is sent away. */
export class ServingStorage implements StoragePort {
  /** Resolves when it cannot go on; what is left to do is `close`. */
  readonly failed: Promise<RunnerFailure>;
  readonly #parts: ServingStorageParts;
  readonly #health = new Health();
  readonly #metrics: StorageMetrics;
  readonly #listeners: { stop(): Promise<void> }[] = [];
  #live: LiveStorage | undefined;
  #unready: string | undefined = 'the storage node is starting';
  #fail: (failure: RunnerFailure) => void = () => undefined;

  /** @throws DataDirError or StartError */
  static async open(parts: ServingStorageParts): Promise<ServingStorage> {
    const serving = new ServingStorage(parts);
    try {
      await serving.#open();
    } catch (error) {
      await serving.#end();
      throw error;
    }
    return serving;
  }

  private constructor(parts: ServingStorageParts) {
    this.#parts = parts;
    this.#metrics = new StorageMetrics(version, () => {
      const live = this.#live;
      if (live === undefined) return undefined;
      return {
        disks: live.machine.diskCount,
        openExports: live.port.names().length,
        connections: live.nbd.connections,
        underWay: live.machine.underWay,
        counters: live.port.counters,
      };
    });
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
  }

  start(): void {
    this.#live?.start();
    this.#unready = undefined;
    this.#health.set(true);
  }

  request(...asked: Parameters<LiveStorage['request']>): ReturnType<LiveStorage['request']> {
    const live = this.#unready === undefined ? this.#live : undefined;
    if (live === undefined)
      return Promise.reject(new RunnerError('STOPPING', this.#unready ?? 'not started'));
    return live.request(...asked);
  }

  /** Answers what is under way, ends connections, closes files. */
  async close(): Promise<void> {
    await this.#end();
    await this.#parts.directory.release();
  }

  async #open(): Promise<void> {
    const { settings, directory, log } = this.#parts;
    const address = await this.#listen();
    const clusterId = createHash('sha256')
      .update(`photon.plasma.storage\n${settings.name}\n`)
      .digest('hex')
      .slice(0, 16);
    const found = directory.claim({ system: storageSystem, clusterId, nodeId: 1, name: settings.name }, [
      'log',
    ]);
    const live = await this.#recover();
    this.#live = live;
    void live.failed.then((failure) => {
      this.#failed(failure);
    });
    log.info(
      {
        ...{ data: directory.path, found, version, disks: live.machine.diskCount },
        agents: formatAddress(address),
        nbd: formatAddress({ ...settings.listenNbd, port: live.nbd.tcpPort ?? 0 }),
      },
      'started',
    );
  }

  async #listen(): Promise<Address> {
    const { settings, security, log } = this.#parts;
    const strangers = new StrangerLog(log);
    const hooks: MountHooks = {
      onDefect: (path, error) => {
        log.error({ path, err: error }, 'a call failed for a reason that is no refusal');
      },
    };
    try {
      const agents = await GrpcServer.listen({
        address: settings.listen,
        purpose: 'agents',
        services: [
          plasmaStorageService(this, security.listen === undefined ? everybody : onlyPlasma),
          healthService(this.#health, [storageServiceName]),
        ],
        receiveBytesMax: bytesPerMib,
        tls: security.listen,
        hooks,
        onRefused: (remote, reason) => {
          strangers.refused('clients', remote, reason);
        },
      });
      this.#listeners.push({ stop: () => agents.stop(stopGraceMs) });
      this.#listeners.push(await MetricsServer.listen(settings.listenMetrics, this.#observed()));
      return agents.address;
    } catch (error) {
      throw new StartError((error as Error).message, { cause: error });
    }
  }

  async #recover(): Promise<LiveStorage> {
    const { settings, directory } = this.#parts;
    const socket = settings.nbdSocket ?? join(directory.path, 'nbd.sock');
    try {
      return await LiveStorage.open({
        logDirectory: directory.part('log'),
        disksDirectory: join(directory.path, 'disks'),
        listeners: [{ at: { path: socket } }, { at: settings.listenNbd }],
        uriOf: (name, tcpPort) => uriOf(name, settings, { socket, tcpPort }),
        settings: {
          ...defaultDiskExportsSettings,
          disksMax: settings.disksMax,
          diskBytesMax: settings.diskBytesMax,
        },
        connectionsMax: settings.connectionsMax,
        onSync: ({ durationUs }) => {
          this.#metrics.syncEnded(durationUs / usPerSecond);
        },
      });
    } catch (error) {
      // Anything else is a defect: its stack is wanted.
      const isOfData =
        error instanceof DataLossError ||
        (error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string');
      if (!isOfData) throw error;
      throw new StartError(`cannot open ${directory.path}: ${error.message}`, { cause: error });
    }
  }

  async #end(): Promise<void> {
    this.#unready ??= 'the storage node is stopping';
    this.#health.set(false);
    await Promise.all(this.#listeners.splice(0).map((listener) => listener.stop()));
    await this.#live?.close();
  }

  #failed(failure: RunnerFailure): void {
    const { kind, reason } = failure;
    this.#unready = reason;
    const cause = 'cause' in failure ? { err: failure.cause } : {};
    this.#parts.log.fatal({ kind, ...cause }, `the storage node cannot go on: ${reason}`);
    this.#fail(failure);
  }

  #observed(): ObservedProcess {
    return {
      scrape: () => this.#metrics.scrape(),
      unhealthy: () => this.#unready,
      unready: () => this.#unready,
    };
  }
}

/** Where a hypervisor finds an export. */
function uriOf(
  name: string,
  { advertise, advertisedNbd, listenNbd }: StorageSettings,
  found: { readonly socket: string; readonly tcpPort: number | undefined },
): string {
  if (advertise === 'unix') return `nbd+unix:///${name}?socket=${found.socket}`;
  const at = advertisedNbd ?? { host: listenNbd.host, port: found.tcpPort ?? listenNbd.port };
  return `nbd://${formatAddress(at)}/${name}`;
}
