import { setTimeout as after } from 'node:timers/promises';

import { type CancelSignal } from '../../../adapters/runner/cancellation.ts';
import { type ClientTransport } from '../../../adapters/client/driver.ts';
import { systemPrng } from '../../../adapters/client/system-prng.ts';
import { type Address } from '../../../adapters/config/address.ts';
import { type ClientCredentials, GrpcTransport } from '../../../adapters/grpc/client.ts';
import { type PlasmaStorageClient } from '../../../adapters/grpc/plasma-storage-client.ts';
import { type NoStreams, type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { defaultRunnerOptions, Runner } from '../../../adapters/runner/runner.ts';
import { unreachable } from '../../../core/base/assert.ts';
import { defaultClientConfig } from '../../../core/chainfire/client/client.ts';
import {
  PlasmaServer,
  type PlasmaServerAct,
  type PlasmaServerReport,
} from '../../../core/cloud/plasma-server.ts';
import { type Authorizer } from '../../../core/plasma/authorizer.ts';
import {
  type ControlPlaneRequest,
  type ControlPlaneResponse,
  type StorageCall,
} from '../../../core/plasma/control-plane/protocol.ts';
import { type ControlPlaneSettings } from '../../../core/plasma/control-plane/settings.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { noPeers } from '../no-peers.ts';

export interface LiveServerOptions {
  readonly controlPlane: ControlPlaneSettings;
  readonly authorizer: Authorizer;
  /** Members of the store. */
  readonly chainfire: readonly Address[];
  readonly chainfireTls: ClientCredentials | undefined;
  /** Serves shared disks; undefined: nobody does, as far as this server is told. */
  readonly storage: PlasmaStorageClient | undefined;
}

interface ServerPorts {
  readonly act: PlasmaServerAct;
  readonly report: PlasmaServerReport;
}

type ServerRunner = Runner<ControlPlaneRequest, ControlPlaneResponse, never, never, NoStreams, ServerPorts>;

/** A server of the control plane on its ways to Chainfire. It keeps nothing on disk. */
export class LiveServer {
  readonly machine: PlasmaServer;
  readonly runner: ServerRunner;
  /** Resolves when the runner stops without being asked to. */
  readonly failed: Promise<RunnerFailure>;
  readonly #transport: ClientTransport;
  readonly #storage: PlasmaStorageClient | undefined;

  constructor(options: LiveServerOptions) {
    const { controlPlane, authorizer, chainfire: endpoints, chainfireTls: tls } = options;
    this.machine = new PlasmaServer(
      { controlPlane, chainfire: { ...defaultClientConfig, endpoints: endpoints.length } },
      authorizer,
      systemPrng,
      defaultRunnerOptions.clock(),
    );
    this.#transport = new GrpcTransport({ endpoints, tls, prng: systemPrng }, (event) => {
      this.runner.acted(event as PlasmaServerReport);
    });
    this.#storage = options.storage;
    let fail: (failure: RunnerFailure) => void = () => undefined;
    this.failed = new Promise((resolve) => {
      fail = resolve;
    });
    const act = (wanted: PlasmaServerAct): void => {
      this.#act(wanted);
    };
    this.runner = new Runner(
      this.machine,
      { segments: new MemorySegments(), transport: noPeers, act },
      // Whoever waits for something to happen need not be waited for.
      { onStop: fail, drainUs: drainUs },
    );
  }

  start(): void {
    this.runner.start();
  }

  request(request: ControlPlaneRequest, signal?: CancelSignal): Promise<ControlPlaneResponse> {
    return this.runner.request(request, signal);
  }

  /** Hands over, where it leads: another one may lead when this resolves, or a few seconds have passed without the store. */
  async leave(): Promise<void> {
    const call = { service: 'server', request: { kind: 'leave' } } as const;
    await Promise.race([
      this.runner.request({ caller: { identity: '' }, call }).catch(() => undefined),
      after(leaveMsMax, undefined, { ref: false }),
    ]);
  }

  async close(): Promise<void> {
    await this.runner.stop();
    this.#transport.close();
    this.#storage?.close();
  }

  #act(act: PlasmaServerAct): void {
    switch (act.kind) {
      case 'attempt':
        this.#transport.attempt(act);
        break;
      case 'abandon':
        this.#transport.abandon(act.attemptId);
        break;
      case 'openStream':
        this.#transport.openStream(act.streamId, act.endpoint);
        break;
      case 'streamSend':
        this.#transport.send(act.streamId, act.request);
        break;
      case 'closeStream':
        this.#transport.closeStream(act.streamId, act.reason);
        break;
      case 'callStorage':
        this.#callStorage(act);
        break;
      default:
        unreachable(act);
    }
  }

  #callStorage({ callId, request, timeoutUs }: StorageCall): void {
    const asked =
      this.#storage === undefined
        ? Promise.reject(new Error('this server is told of no storage node (--storage)'))
        : this.#storage.request(request, timeoutUs);
    void asked
      .then(
        (response): PlasmaServerReport => ({ kind: 'storageAnswered', callId, response }),
        (error: unknown): PlasmaServerReport => {
          const reason = error instanceof Error ? error.message : String(error);
          return { kind: 'storageFailed', callId, reason };
        },
      )
      .then((report) => {
        this.runner.acted(report);
      });
  }
}

const drainUs = 500_000;
const leaveMsMax = 4_000;
