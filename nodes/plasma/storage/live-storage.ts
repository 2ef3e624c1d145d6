import { DiskPort } from '../../../adapters/nbd/disk-port.ts';
import { type NbdListener, NbdServer } from '../../../adapters/nbd/server.ts';
import { type CancelSignal } from '../../../adapters/runner/cancellation.ts';
import { type SyncRound } from '../../../adapters/runner/counters.ts';
import { type NoStreams, type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { defaultRunnerOptions, Runner } from '../../../adapters/runner/runner.ts';
import { FileSegments } from '../../../adapters/segments/file-segments.ts';
import { assert } from '../../../core/base/assert.ts';
import { DiskExports } from '../../../core/plasma/storage/disk-exports.ts';
import {
  type DiskExportsSettings,
  type StorageAct,
  type StorageReport,
} from '../../../core/plasma/storage/exports-protocol.ts';
import { type StorageRequest, type StorageResponse } from '../../../core/plasma/storage-protocol.ts';

export interface StartStorageOptions {
  /** Of the journal; made when it is not there. */
  readonly logDirectory: string;
  /** Of the disks' files; made when it is not there. */
  readonly disksDirectory: string;
  readonly listeners: readonly NbdListener[];
  /** Where clients find an export; the port is the one that was had, where there is a TCP listener. */
  readonly uriOf: (name: string, tcpPort: number | undefined) => string;
  readonly settings: DiskExportsSettings;
  readonly connectionsMax?: number;
  readonly onSync?: (round: SyncRound) => void;
}

interface StoragePorts {
  readonly act: StorageAct;
  readonly report: StorageReport;
}

type StorageRunner = Runner<StorageRequest, StorageResponse, never, never, NoStreams, StoragePorts>;

/** A storage node with everything that it runs on. */
export class LiveStorage {
  readonly machine: DiskExports;
  readonly runner: StorageRunner;
  readonly port: DiskPort;
  readonly nbd: NbdServer;
  /** Resolves when the runner stops without being asked to. */
  readonly failed: Promise<RunnerFailure>;
  readonly #segments: FileSegments;

  /**
   * Takes the addresses, opens the journal and recovers the machine from it; nothing is served before `start`.
   *
   * @throws DataLossError when a newest token may be lost; the system's errors
   */
  static async open(options: StartStorageOptions): Promise<LiveStorage> {
    let runner: StorageRunner | undefined;
    const port = await DiskPort.start({
      directory: options.disksDirectory,
      uriOf: (name) => options.uriOf(name, nbd.tcpPort),
      reported: (report) => {
        runner?.acted(report);
      },
    });
    const { listeners, connectionsMax } = options;
    const nbd: NbdServer = await NbdServer.listen({
      port,
      listeners,
      ...(connectionsMax === undefined ? {} : { connectionsMax }),
    });
    let segments: FileSegments | undefined;
    try {
      segments = FileSegments.open({ dir: options.logDirectory });
      const machine = DiskExports.recover(segments, options.settings, defaultRunnerOptions.clock());
      let fail: (failure: RunnerFailure) => void = () => undefined;
      const failed = new Promise<RunnerFailure>((resolve) => {
        fail = resolve;
      });
      const act = (wanted: StorageAct): void => {
        port.act(wanted);
      };
      runner = new Runner(
        machine,
        { segments, transport: noPeers, act },
        {
          onStop: fail,
          wallClock: 'none',
          ...(options.onSync === undefined ? {} : { onSync: options.onSync }),
        },
      );
      return new LiveStorage({ machine, runner, port, nbd, failed, segments });
    } catch (error) {
      await nbd.close();
      segments?.close();
      throw error;
    }
  }

  private constructor(parts: {
    readonly machine: DiskExports;
    readonly runner: StorageRunner;
    readonly port: DiskPort;
    readonly nbd: NbdServer;
    readonly failed: Promise<RunnerFailure>;
    readonly segments: FileSegments;
  }) {
    this.machine = parts.machine;
    this.runner = parts.runner;
    this.port = parts.port;
    this.nbd = parts.nbd;
    this.failed = parts.failed;
    this.#segments = parts.segments;
  }

  start(): void {
    this.runner.start();
  }

  request(request: StorageRequest, signal?: CancelSignal): Promise<StorageResponse> {
    return this.runner.request(request, signal);
  }

  /** What is asked is answered, then connections end, then files are closed. */
  async close(): Promise<void> {
    await this.runner.stop();
    await this.nbd.close();
    await this.port.close();
    this.#segments.close();
  }
}

/** Storage nodes know nothing of one another. */
const noPeers = {
  send: (): void => {
    assert(false, 'a storage node has no peers');
  },
  sendSnapshot: (): Promise<void> => Promise.reject(new Error('a storage node has no peers')),
};
