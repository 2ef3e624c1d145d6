import { type SocketPeerTransport } from '../../adapters/peer/transport.ts';
import { Cancellation, type CancelSignal } from '../../adapters/runner/cancellation.ts';
import { type DurableStore } from '../../adapters/runner/ports.ts';
import { type RunnerFailure } from '../../adapters/runner/protocol.ts';
import { type Runner } from '../../adapters/runner/runner.ts';
import { type NodeId } from '../../core/base/ids.ts';
import {
  type BrokerMessage,
  type BrokerRequest,
  type BrokerResponse,
} from '../../core/chronik/broker-protocol.ts';
import { type BrokerView } from '../../core/chronik/broker-view.ts';
import { type SnapshotHeader } from '../../core/raft/types.ts';
import { type SegmentFiles } from '../../core/storage/segment-files.ts';

export type BrokerRunner = Runner<BrokerRequest, BrokerResponse, BrokerMessage, SnapshotHeader>;
export type BrokerTransport = SocketPeerTransport<BrokerMessage, SnapshotHeader>;

export interface LiveBrokerParts {
  readonly view: BrokerView;
  readonly runner: BrokerRunner;
  readonly store: DurableStore;
  readonly segments: SegmentFiles;
  readonly closeSegments: () => void;
  readonly transport: BrokerTransport;
  /** The other brokers. */
  readonly peers: readonly NodeId[];
  /** Resolves when the runner stops without being asked to. */
  readonly failed: Promise<RunnerFailure>;
}

/** A broker with everything that it runs on. */
export class LiveBroker {
  readonly view: BrokerView;
  readonly store: DurableStore;
  readonly segments: SegmentFiles;
  readonly runner: BrokerRunner;
  readonly transport: BrokerTransport;
  readonly failed: Promise<RunnerFailure>;
  readonly #parts: LiveBrokerParts;

  constructor(parts: LiveBrokerParts) {
    this.#parts = parts;
    this.view = parts.view;
    this.store = parts.store;
    this.segments = parts.segments;
    this.runner = parts.runner;
    this.transport = parts.transport;
    this.failed = parts.failed;
  }

  start(): void {
    this.transport.setMembers(this.#parts.peers);
    this.runner.start();
  }

  request(request: BrokerRequest, signal?: CancelSignal): Promise<BrokerResponse> {
    return this.runner.request(request, signal);
  }

  received(from: NodeId, messages: readonly BrokerMessage[]): void {
    this.runner.received(from, messages);
  }

  snapshotReceived(from: NodeId, stageId: number, header: SnapshotHeader): void {
    this.runner.snapshotReceived(from, stageId, header);
  }

  /** A broker calls: so it is there, and can be called. */
  called(id: NodeId): void {
    this.transport.called(id);
  }

  /**
   * Lets others lead what this broker leads, while it still serves.
   *
   * @returns whether they do; when not within this time, they find out by themselves
   */
  async handOver(timeoutMs: number): Promise<boolean> {
    const patience = new Cancellation();
    const timer = setTimeout(() => patience.abort(new Error('the others have not taken over')), timeoutMs);
    try {
      await this.runner.request({ kind: 'shutdown' }, patience);
      return true;
    } catch {
      return false;
    } finally {
      clearTimeout(timer);
    }
  }

  /** After the sockets are closed: nothing calls in any more. */
  async close(): Promise<void> {
    await this.runner.stop();
    this.transport.close();
    await this.store.close();
    this.#parts.closeSegments();
  }
}
