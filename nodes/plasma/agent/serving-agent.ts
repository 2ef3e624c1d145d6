import { createHash, randomUUID } from 'node:crypto';
import { readFileSync, realpathSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { cpus, totalmem } from 'node:os';
import { join } from 'node:path';
import { type Logger } from 'pino';

import { type Address, formatAddress } from '../../../adapters/config/address.ts';
import { type DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { PlasmaStorageClient } from '../../../adapters/grpc/plasma-storage-client.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { Health, healthService } from '../../../adapters/grpc/services/health.ts';
import { nodeConsoleService } from '../../../adapters/grpc/services/plasma-node-console.ts';
import { ImageStore } from '../../../adapters/images/image-store.ts';
import { MetricsServer } from '../../../adapters/metrics/http-server.ts';
import { ObservedMetrics } from '../../../adapters/metrics/observed-metrics.ts';
import { Consoles } from '../../../adapters/qemu/consoles.ts';
import { findInstances, strike } from '../../../adapters/qemu/proc.ts';
import { missingPrograms } from '../../../adapters/qemu/programs.ts';
import { probeAccelerators } from '../../../adapters/qemu/probe.ts';
import { QemuHypervisor } from '../../../adapters/qemu/qemu-hypervisor.ts';
import { type Accelerator } from '../../../adapters/qemu/qemu-options.ts';
import { type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { WatchdogLink } from '../../../adapters/watchdog/watchdog-link.ts';
import { bytesPerMib } from '../../../core/base/units.ts';
import { defaultAgentSettings } from '../../../core/plasma/agent/protocol.ts';
import { type AgentView } from '../../../core/plasma/agent/view.ts';
import { DefaultAuthorizer } from '../../../core/plasma/default-authorizer.ts';
import { defaultImageLimits } from '../../../core/plasma/images/image-header.ts';
import { type Resources } from '../../../core/plasma/types.ts';
import { nodeConsoleServiceName } from '../../../core/plasma/wire/console.ts';
import { DataLossError } from '../../../core/raft/data-loss.ts';
import { StartError } from '../../process/start-error.ts';
import { StrangerLog } from '../../process/stranger-log.ts';
import { version } from '../../version.ts';
import { type PlasmaSecurity } from '../security.ts';
import { watchdogSocket } from '../watchdog/serve.ts';
import { AgentImages } from './agent-images.ts';
import { agentCounters, agentGauges } from './agent-metrics.ts';
import { LiveAgent } from './live-agent.ts';
import { OwnWatchdog } from './own-watchdog.ts';
import { type AgentProcessSettings, labelsOf } from './settings.ts';

export const agentSystem = 'plasma-agent';
const stopGraceMs = 500;
const lookEveryMs = 50;
/** See `leaderTtlSeconds` of servers: together they leave what must stop running when a leader dies. */
const renewRetryUsMax = 500_000;
const tellEveryMs = 5_000;
const imageFileBytesMax = 1_024 ** 4;
const cpuMilliEach = 1_000;

export interface ServingAgentParts {
  readonly settings: AgentProcessSettings;
  readonly security: PlasmaSecurity;
  readonly directory: DataDirectory;
  readonly log: Logger;
}

/** An agent with its ports, its hypervisor and its ways to servers, storage and watchdog. */
export class ServingAgent {
  /** Resolves when it cannot go on; what is left to do is `close`. */
  readonly failed: Promise<RunnerFailure>;
  /** Resolves when it acts on what a server wants. */
  readonly ready: Promise<void>;
  readonly #parts: ServingAgentParts;
  readonly #vmsDir: string;
  readonly #health = new Health();
  readonly #metrics: ObservedMetrics<AgentView>;
  readonly #closing: (() => Promise<void> | void)[] = [];
  #live: LiveAgent | undefined;
  #becomeReady: () => void = () => undefined;
  #fail: (failure: RunnerFailure) => void = () => undefined;
  #stopping = false;
  #failure: string | undefined;
  #toldRefusal: string | undefined;
  #tellAgainMs = -Infinity;

  /** @throws DataDirError or StartError */
  static async open(parts: ServingAgentParts): Promise<ServingAgent> {
    const serving = new ServingAgent(parts);
    try {
      await serving.#open();
    } catch (error) {
      await serving.#end();
      throw error;
    }
    return serving;
  }

  private constructor(parts: ServingAgentParts) {
    this.#parts = parts;
    this.#vmsDir = join(parts.directory.path, 'vms');
    this.failed = new Promise((resolve) => {
      this.#fail = resolve;
    });
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    this.#metrics = new ObservedMetrics({
      prefix: 'photon_plasma_agent',
      version,
      gauges: agentGauges,
      counters: agentCounters,
      observe: () => this.#live?.machine.view,
    });
  }

  start(): void {
    this.#live?.start();
    const looking = setInterval(() => {
      const ready = this.#unready === undefined;
      this.#health.set(ready);
      if (ready) this.#becomeReady();
      this.#tellRefusal();
    }, lookEveryMs);
    this.#closing.push(() => {
      clearInterval(looking);
    });
  }

  async close(): Promise<void> {
    await this.#end();
    if (this.#parts.settings.onStop === 'kill') {
      for (const instance of findInstances(realpathSync(this.#vmsDir))) strike(instance);
    }
    await this.#parts.directory.release();
  }

  async #open(): Promise<void> {
    const { settings, directory, log } = this.#parts;
    const missing = missingPrograms(settings);
    if (missing !== undefined)
      throw new StartError(`cannot run ${missing}: without that there are no virtual machines on this node`);
    const address = await this.#listen();
    const clusterId = createHash('sha256').update('photon.plasma.agent\n').digest('hex').slice(0, 16);
    directory.claim({ system: agentSystem, clusterId, nodeId: 1, name: settings.name }, ['log']);
    const accelerators = await this.#accelerators();
    const [accelerator] = accelerators;
    if (accelerator === undefined) {
      // A machine that has too much to do now may be quick enough the next time.
      throw new StartError(
        `${settings.qemu} is there, and has run no guest within three seconds, with accelerator ${settings.accelerator}`,
        { cause: Object.assign(new Error('no guest has spoken'), { code: 'ETIMEDOUT' }) },
      );
    }
    const live = await this.#recover(accelerator, accelerators, settings.advertised ?? address);
    this.#live = live;
    this.#closing.push(() => live.close());
    void live.failed.then((failure) => {
      this.#failed(failure);
    });
    log.info({ version, data: directory.path, accelerators, consoles: formatAddress(address) }, 'started');
  }

  async #listen(): Promise<Address> {
    const { settings, security, log } = this.#parts;
    const strangers = new StrangerLog(log);
    const consoles = new Consoles(this.#vmsDir);
    try {
      const grpc = await GrpcServer.listen({
        address: settings.listen,
        purpose: 'servers',
        services: [
          nodeConsoleService({
            authorizer: new DefaultAuthorizer({ operators: [] }),
            secured: security.listen !== undefined,
            open: (vm, fenceToken) => consoles.open(vm, fenceToken),
          }),
          healthService(this.#health, [nodeConsoleServiceName]),
        ],
        receiveBytesMax: bytesPerMib,
        tls: security.listen,
        hooks: {
          onDefect: (path, error) => {
            log.error({ path, err: error }, 'a call failed for a reason that is no refusal');
          },
        },
        onRefused: (remote, reason) => {
          strangers.refused('clients', remote, reason);
        },
      });
      this.#closing.push(() => grpc.stop(stopGraceMs));
      const metrics = await MetricsServer.listen(settings.listenMetrics, {
        scrape: () => this.#metrics.scrape(),
        unhealthy: () => this.#failure,
        unready: () => this.#unready,
      });
      this.#closing.push(() => metrics.stop());
      return grpc.address;
    } catch (error) {
      throw new StartError((error as Error).message, { cause: error });
    }
  }

  /** Also of a kind that is asked for by name it must be seen. */
  async #accelerators(): Promise<readonly Accelerator[]> {
    const { accelerator, qemu } = this.#parts.settings;
    const seen = await probeAccelerators(qemu);
    return accelerator === 'auto' ? seen : seen.filter((one) => one === accelerator);
  }

  async #recover(
    accelerator: Accelerator,
    accelerators: readonly string[],
    address: Address,
  ): Promise<LiveAgent> {
    const { settings, security, directory, log } = this.#parts;
    const tls = security.dial;
    const servers = settings.servers.map((one) => new PlasmaClient({ address: one, tls }));
    const storage =
      settings.storage === undefined
        ? undefined
        : new PlasmaStorageClient({ address: settings.storage, tls });
    const store = await ImageStore.open({
      directory: join(directory.path, 'images'),
      limits: defaultImageLimits,
      fileBytesMax: imageFileBytesMax,
    });
    const images = new AgentImages(store, servers, imageFileBytesMax);
    const own = new OwnWatchdog(directory.path, log);
    const watchdog = new WatchdogLink({
      path: watchdogSocket(own.directory),
      onMissing: () => {
        own.start();
      },
    });
    this.#closing.push(() => {
      for (const one of [...servers, storage, images, watchdog]) one?.close();
    });
    try {
      const segments = FileSegments.open({ dir: directory.part('log') });
      this.#closing.push(() => {
        segments.close();
      });
      const hypervisor = await QemuHypervisor.open({
        ...{ dataDir: directory.path, images, accelerator, migrationHost: settings.migrationHost },
        ...{ program: settings.qemu, imageProgram: settings.qemuImg },
      });
      return new LiveAgent({
        ...{ segments, hypervisor, servers, storage, watchdog },
        serverAddresses: settings.servers.map(formatAddress),
        config: {
          node: settings.name,
          agentBootId: randomUUID(),
          machineBootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim(),
          capacity: await this.#capacity(),
          labels: labelsOf(settings.labels),
          accelerators,
          address: formatAddress(address),
          servers: servers.length,
          settings: { ...defaultAgentSettings, renewRetryUsMax },
        },
      });
    } catch (error) {
      const isOfData =
        error instanceof DataLossError ||
        (error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string');
      if (!isOfData) throw error;
      throw new StartError(`cannot open ${directory.path}: ${error.message}`, { cause: error });
    }
  }

  async #capacity(): Promise<Resources> {
    const { settings, directory } = this.#parts;
    const { bavail, bsize } = await statfs(directory.path);
    return {
      cpuMilli: (settings.cpus ?? cpus().length) * cpuMilliEach,
      memoryBytes: settings.memoryBytes ?? Math.floor((totalmem() / 5) * 4),
      diskBytes: settings.diskBytes ?? bavail * bsize,
    };
  }

  /** In the order opposite to that of their opening. */
  async #end(): Promise<void> {
    this.#stopping = true;
    this.#health.set(false);
    for (const close of this.#closing.splice(0).reverse()) await close();
  }

  get #unready(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#stopping) return 'the agent is stopping';
    const view = this.#live?.machine.view;
    if (view === undefined) return 'the agent is starting';
    if (view.phase === 'serving') return undefined;
    return view.lastRefusal ?? `the agent is ${view.phase}`;
  }

  /** Each once, and no more than one a while: servers that cannot be reached are told of in turns. */
  #tellRefusal(): void {
    const refusal = this.#live?.machine.view.lastRefusal;
    const nowMs = performance.now();
    if (refusal === undefined) this.#toldRefusal = undefined;
    if (refusal === undefined || refusal === this.#toldRefusal || nowMs < this.#tellAgainMs) return;
    this.#toldRefusal = refusal;
    this.#tellAgainMs = nowMs + tellEveryMs;
    this.#parts.log.warn({ refusal }, 'the servers do not do what this agent asks');
  }

  #failed(failure: RunnerFailure): void {
    const { kind, reason } = failure;
    this.#failure = reason;
    const cause = 'cause' in failure ? { err: failure.cause } : {};
    this.#parts.log.fatal({ kind, ...cause }, `the agent cannot go on: ${reason}`);
    this.#fail(failure);
  }
}
