import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Logger } from 'pino';

import { formatAddress } from '../../../adapters/config/address.ts';
import { type DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { type ClientCredentials } from '../../../adapters/grpc/client.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { consoleMethod } from '../../../adapters/grpc/services/plasma-console.ts';
import { plasmaControlServices } from '../../../adapters/grpc/services/plasma-control.ts';
import { fetchImageMethod, uploadMethod } from '../../../adapters/grpc/services/plasma-images.ts';
import { Health, healthService } from '../../../adapters/grpc/services/health.ts';
import { ImageStore } from '../../../adapters/images/image-store.ts';
import { MetricsServer } from '../../../adapters/metrics/http-server.ts';
import { ObservedMetrics } from '../../../adapters/metrics/observed-metrics.ts';
import { type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { readCertificates } from '../../../adapters/tls/pem-files.ts';
import { bytesPerMib } from '../../../core/base/units.ts';
import { type ControlPlaneStatus } from '../../../core/plasma/control-plane/control-plane.ts';
import { defaultControlPlaneSettings } from '../../../core/plasma/control-plane/settings.ts';
import { DefaultAuthorizer } from '../../../core/plasma/default-authorizer.ts';
import { defaultImageLimits } from '../../../core/plasma/images/image-header.ts';
import { agentServiceName } from '../../../core/plasma/wire/agent.ts';
import { imageServiceName, plasmaServiceNames, vmServiceName } from '../../../core/plasma/wire/user.ts';
import { StartError } from '../../process/start-error.ts';
import { StrangerLog } from '../../process/stranger-log.ts';
import { version } from '../../version.ts';
import { type PlasmaSecurity } from '../security.ts';
import { LiveServer } from './live-server.ts';
import { serverGauges, serverCounters } from './server-metrics.ts';
import { type ServerSettings } from './settings.ts';

export const serverSystem = 'plasma-server';
/** Calls that are under way when the server stops have this long to end. */
const stopGraceMs = 1_000;
/** How often it looks whether it is known who leads. */
const lookEveryMs = 50;
const receiveBytesMax = 2 * bytesPerMib;

export interface ServingServerParts {
  readonly settings: ServerSettings;
  readonly security: PlasmaSecurity;
  /** Released when the server is closed; not when it cannot be opened. */
  readonly directory: DataDirectory;
  readonly log: Logger;
}

/** A server of the control plane with its ports. */
export class ServingServer {
  /** Resolves when it cannot go on; what is left to do is `close`. */
  readonly failed: Promise<RunnerFailure>;
  /** Resolves when it leads, or knows who does. */
  readonly ready: Promise<void>;
  readonly #parts: ServingServerParts;
  readonly #live: LiveServer;
  readonly #health = new Health();
  readonly #metrics: ObservedMetrics<ControlPlaneStatus>;
  readonly #listeners: { stop(): Promise<void> }[] = [];
  readonly #looking: NodeJS.Timeout;
  #becomeReady: () => void = () => undefined;
  #stopping = false;
  #failure: string | undefined;

  /** @throws DataDirError or StartError */
  static async open(parts: ServingServerParts): Promise<ServingServer> {
    const { settings, directory } = parts;
    const clusterId = createHash('sha256').update('photon.plasma.server\n').digest('hex').slice(0, 16);
    directory.claim({ system: serverSystem, clusterId, nodeId: 1, name: settings.name }, []);
    const images = await ImageStore.open({
      directory: join(directory.path, 'images'),
      limits: defaultImageLimits,
      fileBytesMax: settings.imageBytesMax,
    });
    const serving = new ServingServer(parts);
    try {
      await serving.#listen(images);
    } catch (error) {
      await serving.#end();
      throw new StartError((error as Error).message, { cause: error });
    }
    return serving;
  }

  private constructor(parts: ServingServerParts) {
    this.#parts = parts;
    const { settings } = parts;
    this.#live = new LiveServer({
      controlPlane: {
        ...defaultControlPlaneSettings,
        server: settings.position,
        prefix: settings.prefix,
        scheduler: {
          ...defaultControlPlaneSettings.scheduler,
          overcommit: {
            ...defaultControlPlaneSettings.scheduler.overcommit,
            cpuPerMille: settings.overcommitCpu * 10,
          },
        },
      },
      authorizer: this.#authorizer,
      chainfire: settings.chainfire,
      chainfireTls: this.#chainfireTls,
    });
    this.failed = this.#live.failed.then((failure) => this.#failed(failure));
    this.#metrics = new ObservedMetrics({
      prefix: 'photon_plasma_server',
      version,
      gauges: serverGauges,
      counters: serverCounters,
      observe: () => this.#live.machine.status,
    });
    this.ready = new Promise((resolve) => {
      this.#becomeReady = resolve;
    });
    this.#looking = setInterval(() => {
      this.#look();
    }, lookEveryMs);
    this.#looking.unref();
  }

  start(): void {
    this.#live.start();
  }

  async close(): Promise<void> {
    await this.#end();
    await this.#parts.directory.release();
  }

  get #authorizer(): DefaultAuthorizer {
    return new DefaultAuthorizer({ operators: this.#parts.settings.operators.split(',') });
  }

  get #chainfireTls(): ClientCredentials | undefined {
    const { settings, security } = this.#parts;
    const { chainfireCaFile } = settings;
    if (chainfireCaFile === undefined) return undefined;
    const { cert, key } = security.dial ?? {};
    return {
      ca: readCertificates(chainfireCaFile),
      ...(cert === undefined || key === undefined ? {} : { cert, key }),
    };
  }

  async #listen(store: ImageStore): Promise<void> {
    const { settings, security, log } = this.#parts;
    const strangers = new StrangerLog(log);
    const secured = security.listen !== undefined;
    const authorizer = this.#authorizer;
    const port = this.#live;
    const grpc = await GrpcServer.listen({
      address: settings.listen,
      purpose: 'users and agents',
      services: [
        ...plasmaControlServices(
          { port, secured },
          {
            [vmServiceName]: [consoleMethod({ port, authorizer, secured, dial: security.dial })],
            [imageServiceName]: [uploadMethod({ store, authorizer, secured })],
            [agentServiceName]: [fetchImageMethod({ store, authorizer, secured })],
          },
        ),
        healthService(this.#health, [...plasmaServiceNames, agentServiceName]),
      ],
      receiveBytesMax,
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
    this.#listeners.push({ stop: () => grpc.stop(stopGraceMs) });
    this.#listeners.push(
      await MetricsServer.listen(settings.listenMetrics, {
        scrape: () => this.#metrics.scrape(),
        unhealthy: () => this.#failure,
        unready: () => this.#unready,
      }),
    );
    log.info(
      { version, data: this.#parts.directory.path, clients: formatAddress(grpc.address), secured },
      'started',
    );
  }

  async #end(): Promise<void> {
    this.#stopping = true;
    clearInterval(this.#looking);
    this.#health.set(false);
    await Promise.all([...this.#listeners.splice(0).map((listener) => listener.stop()), this.#live.close()]);
  }

  /** Requests are served by it, or by the one that it names. */
  get #unready(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#stopping) return 'the server is stopping';
    const { role, leader, trouble } = this.#live.machine.status;
    if (trouble !== '') return trouble;
    if (role === 'leading') return undefined;
    return leader === undefined || leader === this.#parts.settings.position ? 'no server leads' : undefined;
  }

  #look(): void {
    const ready = this.#unready === undefined;
    this.#health.set(ready);
    if (ready) this.#becomeReady();
  }

  #failed(failure: RunnerFailure): RunnerFailure {
    const { kind, reason } = failure;
    this.#failure = reason;
    const cause = 'cause' in failure ? { err: failure.cause } : {};
    this.#parts.log.fatal({ kind, ...cause }, `the server cannot go on: ${reason}`);
    return failure;
  }
}
