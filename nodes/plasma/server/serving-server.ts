import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { type Logger } from 'pino';

import { formatAddress } from '../../../adapters/config/address.ts';
import { ConfigError } from '../../../adapters/config/resolve.ts';
import { type DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { systemPrng } from '../../../adapters/client/system-prng.ts';
import { type ClientCredentials, GrpcChainfireClient } from '../../../adapters/grpc/client.ts';
import { PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { PlasmaStorageClient } from '../../../adapters/grpc/plasma-storage-client.ts';
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
import { readCatalogue } from './image-catalogue.ts';
import { ImageCopies } from './image-copies.ts';
import { type ServerObservation, serverGauges, serverCounters } from './server-metrics.ts';
import { type ServerSettings } from './settings.ts';

export const serverSystem = 'plasma-server';
/** Calls that are under way when the server stops have this long to end. */
const stopGraceMs = 1_000;
/** How often it looks whether it is known who leads. */
const lookEveryMs = 50;
const receiveBytesMax = 2 * bytesPerMib;
/**
 * When the leader dies, the next one must renew agents' leases before they end: an agent kills what must stop 7 s after it sent the
 * last renewal that was granted. 2 s may have passed since then, 3 s pass until the leader's key goes, 0.5 s until it is seen, and
 * at most 0.6 s until the agent asks again; that leaves a second for the takeover.
 */
const leaderTtlSeconds = 3;
const electionPollUs = 500_000;

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
  readonly #metrics: ObservedMetrics<ServerObservation>;
  readonly #copies: ImageCopies;
  readonly #listeners: { stop(): Promise<void> }[] = [];
  readonly #closing: (() => void)[] = [];
  readonly #looking: NodeJS.Timeout;
  #becomeReady: () => void = () => undefined;
  #stopping = false;
  #failure: string | undefined;

  /** @throws DataDirError or StartError */
  static async open(parts: ServingServerParts): Promise<ServingServer> {
    const { settings, directory } = parts;
    checkPosition(settings);
    const clusterId = createHash('sha256').update('photon.plasma.server\n').digest('hex').slice(0, 16);
    directory.claim({ system: serverSystem, clusterId, nodeId: 1, name: settings.name }, []);
    const images = await ImageStore.open({
      directory: join(directory.path, 'images'),
      limits: defaultImageLimits,
      fileBytesMax: settings.imageBytesMax,
    });
    const serving = new ServingServer(parts, images);
    try {
      await serving.#listen(images);
    } catch (error) {
      await serving.#end();
      throw new StartError((error as Error).message, { cause: error });
    }
    return serving;
  }

  private constructor(parts: ServingServerParts, images: ImageStore) {
    this.#parts = parts;
    const { settings } = parts;
    this.#copies = this.#copiesOf(images);
    this.#live = new LiveServer({
      controlPlane: {
        ...defaultControlPlaneSettings,
        server: settings.position,
        prefix: settings.prefix,
        leaderTtlSeconds,
        electionPollUs,
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
      storage:
        settings.storage === undefined
          ? undefined
          : new PlasmaStorageClient({ address: settings.storage, tls: parts.security.dial }),
    });
    this.failed = this.#live.failed.then((failure) => this.#failed(failure));
    this.#metrics = new ObservedMetrics({
      prefix: 'photon_plasma_server',
      version,
      gauges: serverGauges,
      counters: serverCounters,
      observe: () => ({ ...this.#live.machine.status, imagesMissing: this.#copies.missing }),
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
    this.#copies.start();
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

  #copiesOf(store: ImageStore): ImageCopies {
    const { settings, security, log } = this.#parts;
    const peers = (settings.servers ?? [])
      .filter((_, position) => position !== settings.position)
      .map((address) => new PlasmaClient({ address, tls: security.dial }));
    const client = new GrpcChainfireClient({
      ...{ endpoints: settings.chainfire, prng: systemPrng, tls: this.#chainfireTls },
    });
    this.#closing.push(() => {
      for (const one of [...peers, client]) one.close();
    });
    return new ImageCopies({
      ...{ store, peers, fileBytesMax: settings.imageBytesMax },
      catalogue: (signal) => readCatalogue(client, settings.prefix, signal),
      onCopied: (digest) => {
        log.info({ digest }, 'an image has been fetched from another server');
      },
      onFailed: (what, error) => {
        log.warn({ err: error }, `${what} cannot be had now; it is tried again`);
      },
    });
  }

  async #listen(store: ImageStore): Promise<void> {
    const { settings, security, log } = this.#parts;
    const strangers = new StrangerLog(log);
    const secured = security.listen !== undefined;
    const authorizer = this.#authorizer;
    const control = { port: this.#live, secured, servers: (settings.servers ?? []).map(formatAddress) };
    const grpc = await GrpcServer.listen({
      address: settings.listen,
      purpose: 'users and agents',
      services: [
        ...plasmaControlServices(control, {
          [vmServiceName]: [consoleMethod({ ...control, authorizer, dial: security.dial })],
          [imageServiceName]: [uploadMethod({ store, authorizer, secured })],
          [agentServiceName]: [fetchImageMethod({ store, authorizer, secured })],
        }),
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
    // Whoever asks meanwhile hears that somebody else is to be asked.
    await this.#live.leave();
    await Promise.all([
      ...this.#listeners.splice(0).map((listener) => listener.stop()),
      this.#live.close(),
      this.#copies.close(),
    ]);
    for (const close of this.#closing.splice(0)) close();
  }

  /** Requests are served by it, or by the one that it names. */
  get #unready(): string | undefined {
    if (this.#failure !== undefined) return this.#failure;
    if (this.#stopping) return 'the server is stopping';
    const { role, leader, trouble } = this.#live.machine.standing;
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

/** @throws ConfigError where its position is none of the servers */
function checkPosition({ servers, position }: ServerSettings): void {
  if (servers === undefined || position < servers.length) return;
  throw new ConfigError(
    `position is ${position}, and servers names ${servers.length}: it must be one of 0 to ${servers.length - 1}`,
  );
}
