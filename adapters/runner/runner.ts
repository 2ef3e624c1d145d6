import { type CancelSignal } from './cancellation.ts';
import { assert, present, unreachable } from '../../core/base/assert.ts';
import { type SegmentCut } from '../../core/base/effects.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type Machine } from '../../core/base/machine.ts';
import { type SegmentFiles } from '../../core/storage/segment-files.ts';
import { newCounters, type RunnerCounters, type SyncRound } from './counters.ts';
import { DeadlineTimer } from './deadline-timer.ts';
import { EventQueue } from './event-queue.ts';
import { Outbox } from './outbox.ts';
import { PendingRequests } from './pending-requests.ts';
import { type DurableStore, type PeerTransport } from './ports.ts';
import {
  type NoPorts,
  type NoStreams,
  type PortTypes,
  type RunnerEffect,
  type RunnerEvent,
  type RunnerFailure,
  type StreamTypes,
} from './protocol.ts';
import { RunnerError } from './runner-error.ts';
import { isStreamEvent, type StreamHandle, type StreamListener, Streams } from './streams.ts';
import { SnapshotSends } from './snapshot-sends.ts';
import { type GatedEffect, SyncGate } from './sync-gate.ts';
import { SyncRounds } from './sync-rounds.ts';
import { systemWallUs, WallClockTimer } from './wall-clock.ts';

export interface RunnerPorts<Message, Header, Act = never> {
  readonly segments: SegmentFiles;
  /** Undefined for a machine without an ordered store. The runner sets its `onStored` and `onFailed`. */
  readonly store?: DurableStore | undefined;
  readonly transport: PeerTransport<Message, Header>;
  /** Carries out what the machine has done by ports of its own; never throws. What comes of it goes to `acted`. */
  readonly act?: ((act: Act) => void) | undefined;
}

export interface RunnerOptions {
  /**
   * Called once, when the runner has stopped without being asked to: nothing of the machine happens any more, and the
   * process must end. Not called after `stop()` has resolved.
   */
  readonly onStop: (failure: RunnerFailure) => void;
  /** Called at the end of every sync round that went well. */
  readonly onSync?: (round: SyncRound) => void;
  /** Requests that wait for their step, and receipts; beyond it requests are refused, messages dropped. */
  readonly queueMax?: number;
  /** Events stepped in one turn, and how long it steps, so that sockets and timers get theirs in between. */
  readonly turnEventsMax?: number;
  readonly turnUs?: number;
  /** How long `stop()` waits for pending requests. */
  readonly drainUs?: number;
  /** Monotonic time in integer µs. */
  readonly clock?: () => number;
  /** Wall time in µs since 1970, which the machine is told about once a second; `none` for one that wants to know of none. */
  readonly wallClock?: (() => number) | 'none';
}

export const defaultRunnerOptions = {
  queueMax: 65_536,
  turnEventsMax: 1_024,
  turnUs: 10_000,
  drainUs: 5_000_000,
  clock: (): number => Math.floor(performance.now() * 1_000),
  wallClock: systemWallUs,
} as const;

/**
 * `running` until `stop()`, then `draining` while requests are pending, `closing` while the last sync is on its way (no
 * step happens any more), `stopped` at the end or after a failure.
 */
type RunnerState = 'created' | 'running' | 'draining' | 'closing' | 'stopped';

/**
 * Drives a machine in production; the contract is in `core/base/effects.ts`.
 *
 * A turn steps everything that is ready, then starts a sync if none is in flight, then hands every peer what all these
 * steps had to say to it. Turns run in the check phase of the event loop, behind everything that sockets, the thread
 * pool and timers had to report, so that batches form by themselves: the busier the process, the larger they are.
 *
 * It owns neither the store nor the files: who opened them closes them, after `stop()` has resolved.
 */
export class Runner<
  Request,
  Response,
  Message,
  Header,
  Types extends StreamTypes = NoStreams,
  Ports extends PortTypes = NoPorts,
> {
  readonly counters: RunnerCounters = newCounters();
  readonly #machine: Machine<
    RunnerEvent<Request, Message, Header, Types, Ports>,
    RunnerEffect<Response, Message, Header, Types, Ports>
  >;
  readonly #segments: SegmentFiles;
  readonly #store: DurableStore | undefined;
  readonly #transport: PeerTransport<Message, Header>;
  readonly #act: ((act: Ports['act']) => void) | undefined;
  readonly #options: Required<Omit<RunnerOptions, 'onSync'>> & Pick<RunnerOptions, 'onSync'>;

  #state: RunnerState = 'created';
  readonly #queue = new EventQueue<RunnerEvent<Request, Message, Header, Types, Ports>>();
  readonly #pending = new PendingRequests<Response>();
  readonly #streams = new Streams<Types>((event) => {
    this.#queue.pushClients(event);
    this.#schedule();
  });
  readonly #gate = new SyncGate<Response, Message, Ports['act']>();
  readonly #outbox = new Outbox<Message>();
  readonly #snapshots: SnapshotSends<Header>;

  #nowUs = 0;
  #turnScheduled = false;
  readonly #timer = new DeadlineTimer(() => this.#schedule());

  readonly #syncs: SyncRounds;
  #storedSeq = 0;
  #storedReported = 0;

  #stopping: Promise<void> | undefined;
  #resolveStop: (() => void) | undefined;
  #drainTimer: NodeJS.Timeout | undefined;
  readonly #wallClock: WallClockTimer | undefined;

  constructor(
    machine: Machine<
      RunnerEvent<Request, Message, Header, Types, Ports>,
      RunnerEffect<Response, Message, Header, Types, Ports>
    >,
    ports: RunnerPorts<Message, Header, Ports['act']>,
    options: RunnerOptions,
  ) {
    this.#machine = machine;
    this.#segments = ports.segments;
    this.#store = ports.store;
    this.#transport = ports.transport;
    this.#act = ports.act;
    this.#options = { ...defaultRunnerOptions, ...options };
    this.#syncs = new SyncRounds({
      segments: this.#segments,
      clock: this.#options.clock,
      counters: this.counters,
      onSync: this.#options.onSync,
      onEnded: this.#onSyncEnd,
    });
    this.#snapshots = new SnapshotSends({
      store: this.#store,
      transport: this.#transport,
      counters: this.counters,
      onEnded: (event) => this.#enqueuePeers(event),
    });
    const { wallClock } = this.#options;
    this.#wallClock = wallClock === 'none' ? undefined : new WallClockTimer(wallClock);
  }

  /** Events that wait for their step. */
  get queueLength(): number {
    return this.#queue.length;
  }

  get pendingRequests(): number {
    return this.#pending.size;
  }

  get openStreams(): number {
    return this.#streams.size;
  }

  /** Sends, replies and removals that wait for a sync. */
  get gatedEffects(): number {
    return this.#gate.length;
  }

  /** Begins with a tick, the first event that a recovered machine expects; may report a failure before it returns. */
  start(): void {
    assert(this.#state === 'created', 'a runner is started once');
    this.#state = 'running';
    if (this.#store !== undefined) {
      this.#store.onStored = (storeSeq) => {
        this.#storedSeq = storeSeq;
        this.#schedule();
      };
      this.#store.onFailed = (cause) => this.#fail({ kind: 'storeFailed', reason: cause.message, cause });
    }
    this.#wallClock?.start((wallUs) => this.#enqueuePeers({ kind: 'wallClock', wallUs }));
    this.#turn(true);
  }

  /**
   * Resolves with the machine's answer, a refusal included. When `signal` is aborted it rejects with the signal's
   * reason at once, and the machine is told; what was begun may still happen.
   *
   * @throws RunnerError (as a rejection) when the machine cannot be asked or will not answer
   */
  request(request: Request, signal?: CancelSignal): Promise<Response> {
    const refusal = this.#refusal();
    if (refusal !== undefined) return Promise.reject(refusal);
    if (signal?.aborted === true) return Promise.reject(signal.reason as Error);
    this.counters.requests += 1;
    const { requestId, promise } = this.#pending.open(signal, this.#onAborted);
    this.#queue.pushClients({ kind: 'requested', requestId, request });
    this.#schedule();
    return promise;
  }

  /**
   * Opens a stream, which lasts until its machine ends it, its client closes it, or the node stops. What is sent over it
   * waits for its step in one line with requests.
   *
   * @throws RunnerError when the machine cannot be asked
   */
  openStream(opening: Types['opening'], listener: StreamListener<Types>): StreamHandle<Types['request']> {
    const refusal = this.#refusal();
    if (refusal !== undefined) throw refusal;
    this.counters.streams += 1;
    return this.#streams.open(opening, listener);
  }

  received(from: NodeId, messages: readonly Message[]): void {
    if (this.#state !== 'running' && this.#state !== 'draining') return;
    if (this.#queue.peersLength >= this.#options.queueMax) {
      this.counters.receivedDropped += messages.length;
      return;
    }
    this.counters.receivedMessages += messages.length;
    this.#enqueuePeers({ kind: 'received', from, messages });
  }

  /** What came of an act. Never dropped: the machine bounds what it has under way. */
  acted(report: Ports['report']): void {
    this.#enqueuePeers({ kind: 'acted', report });
  }

  /** The stage is complete; from here on it is the machine's. Never dropped: stages are few (`stagesMax`). */
  snapshotReceived(from: NodeId, stageId: number, header: Header): void {
    this.#enqueuePeers({ kind: 'snapshotReceived', from, stageId, header });
  }

  /**
   * Takes no new requests, ends every stream, waits for the pending requests (up to `drainUs`), then for a last sync;
   * resolves when nothing of the machine happens any more. Requests that are still pending then are rejected as `STOPPED`.
   */
  stop(): Promise<void> {
    this.#stopping ??= new Promise<void>((resolve) => {
      this.#resolveStop = resolve;
      if (this.#state === 'created' || this.#state === 'stopped') return this.#end();
      this.#state = 'draining';
      this.#streams.failAll(new RunnerError('STOPPED', 'the node is stopping'));
      this.#drainTimer = setTimeout(() => this.#close(), this.#options.drainUs / 1_000);
      this.#closeWhenDrained();
    });
    return this.#stopping;
  }

  /** Why no client is served now. */
  #refusal(): RunnerError | undefined {
    if (this.#state !== 'running') return new RunnerError('STOPPING', 'the node is stopping');
    const waiting = this.#queue.clientsLength;
    if (waiting < this.#options.queueMax) return undefined;
    this.counters.requestsOverloaded += 1;
    return new RunnerError('OVERLOADED', `${waiting} requests are waiting already`);
  }

  #enqueuePeers(event: RunnerEvent<Request, Message, Header, Types, Ports>): void {
    if (!this.#steps()) return;
    this.#queue.pushPeers(event);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#turnScheduled || this.#state === 'stopped') return;
    this.#turnScheduled = true;
    setImmediate(this.#onTurn);
  }

  readonly #onTurn = (): void => {
    this.#turnScheduled = false;
    if (this.#steps()) this.#turn(false);
  };

  #steps(): boolean {
    return this.#state === 'running' || this.#state === 'draining';
  }

  #turn(first: boolean): void {
    this.counters.turns += 1;
    const eventsBefore = this.counters.events;
    this.#nowUs = Math.max(this.#nowUs, this.#options.clock());
    try {
      if (first) this.#step({ kind: 'tick' });
      this.#stepReady();
      if (!this.#steps()) return;
      this.counters.turnEventsMax = Math.max(
        this.counters.turnEventsMax,
        this.counters.events - eventsBefore,
      );
      this.#syncs.start(); // Before the peers are served: the disk works while their messages are encoded.
      this.#flushOutbox();
    } catch (cause) {
      this.#fail({ kind: 'machineFailed', reason: messageOf(cause), cause });
      return;
    }
    if (this.queueLength > 0) this.#schedule();
    this.#armTimer();
    this.#closeWhenDrained();
  }

  /** What became durable first, since it lets answers out; the tick last, since a message may move the deadline. */
  #stepReady(): void {
    const syncSeq = this.#syncs.report();
    if (syncSeq !== undefined) {
      for (const effect of this.#gate.release(syncSeq)) this.#releaseEffect(effect);
      this.#step({ kind: 'synced', syncSeq });
    }
    if (this.#storedSeq > this.#storedReported) {
      this.#storedReported = this.#storedSeq;
      this.#step({ kind: 'stored', storeSeq: this.#storedSeq });
    }
    this.#stepQueue();
    if (this.#machine.deadlineUs <= this.#nowUs) this.#step({ kind: 'tick' });
  }

  /** As many as the turn's bounds allow, and at least one of the clients': peers cannot shut them out. */
  #stepQueue(): void {
    const { turnEventsMax, turnUs, clock } = this.#options;
    const clientsBefore = this.#queue.clientsLength;
    const endUs = this.#nowUs + turnUs;
    for (let left = turnEventsMax; left > 0 && this.#steps(); left -= 1) {
      const event = this.#queue.shift();
      if (event === undefined) return;
      this.#step(event);
      if (clock() >= endUs) break;
    }
    if (clientsBefore === 0 || this.#queue.clientsLength < clientsBefore) return;
    const event = this.#queue.shiftClients();
    if (event !== undefined) this.#step(event);
  }

  #step(event: RunnerEvent<Request, Message, Header, Types, Ports>): void {
    if (!this.#steps()) return;
    // Its client left while it waited here: the work would be for nobody.
    if (event.kind === 'requested' && !this.#pending.has(event.requestId)) return;
    const admitted = isStreamEvent<Types>(event) ? this.#streams.admit(event) : event;
    if (admitted === undefined) return;
    this.counters.events += 1;
    for (const effect of this.#machine.step(admitted, this.#nowUs)) {
      this.#handle(effect);
      if (!this.#steps()) return;
    }
  }

  #handle(effect: RunnerEffect<Response, Message, Header, Types, Ports>): void {
    switch (effect.kind) {
      case 'persist':
        this.#syncs.append(effect);
        break;
      case 'send':
      case 'reply':
      case 'act':
        if (effect.afterSyncSeq <= this.#syncs.reportedSeq) this.#releaseEffect(effect);
        else this.#gate.hold(effect);
        break;
      case 'removeSegments': {
        const removal = {
          kind: 'gatedRemoval',
          files: effect.files,
          afterSyncSeq: this.#syncs.appendedSeq,
        } as const;
        if (removal.afterSyncSeq <= this.#syncs.reportedSeq) this.#releaseEffect(removal);
        else this.#gate.hold(removal);
        break;
      }
      case 'cutSegments':
        this.#cutSegments(effect.cuts);
        break;
      case 'sendSnapshot':
        this.#snapshots.begin(effect);
        break;
      case 'notify':
        if (this.#streams.notify(effect)) this.counters.notified += 1;
        break;
      case 'endStream':
        this.#streams.end(effect);
        break;
      case 'stop':
        this.#flushOutbox(); // What was said before still goes out: a removed node answers its last messages.
        this.#fail({ kind: 'machineStopped', reason: effect.reason });
        break;
      default:
        unreachable(effect);
    }
  }

  #releaseEffect(effect: GatedEffect<Response, Message, Ports['act']>): void {
    switch (effect.kind) {
      case 'send':
        this.#outbox.add(effect.to, effect.messages);
        break;
      case 'reply':
        if (this.#pending.settle(effect.requestId, effect.response)) this.counters.replies += 1;
        else this.counters.repliesUnwanted += 1;
        break;
      case 'act':
        present(this.#act, 'a machine that acts has its ports')(effect.act);
        break;
      case 'gatedRemoval':
        this.#removeSegments(effect.files);
        break;
      default:
        unreachable(effect);
    }
  }

  #cutSegments(cuts: readonly SegmentCut[]): void {
    try {
      for (const { file, lengthBytes } of cuts) this.#segments.cut(file, lengthBytes);
    } catch (cause) {
      this.#fail({ kind: 'syncFailed', reason: messageOf(cause) });
    }
  }

  #removeSegments(files: readonly string[]): void {
    try {
      for (const file of files) {
        this.#segments.remove(file);
        this.counters.removedFiles += 1;
      }
    } catch (cause) {
      this.#fail({ kind: 'syncFailed', reason: messageOf(cause) });
    }
  }

  readonly #onSyncEnd = (failure: string | undefined): void => {
    if (failure !== undefined) this.#fail({ kind: 'syncFailed', reason: failure });
    else if (this.#state === 'closing') this.#finishClosing();
    else this.#schedule();
  };

  #flushOutbox(): void {
    this.counters.sentMessages += this.#outbox.flush(this.#transport);
  }

  readonly #onAborted = (requestId: number): void => {
    this.counters.requestsCancelled += 1;
    if (!this.#steps()) return;
    this.#queue.pushClients({ kind: 'cancelled', requestId });
    this.#schedule();
    this.#closeWhenDrained();
  };

  #armTimer(): void {
    const { deadlineUs } = this.#machine;
    if (deadlineUs <= this.#nowUs) this.#schedule();
    else this.#timer.arm(deadlineUs, this.#nowUs);
  }

  #closeWhenDrained(): void {
    if (this.#state === 'draining' && this.#pending.size === 0) this.#close();
  }

  #close(): void {
    if (this.#state !== 'draining') return;
    this.#state = 'closing';
    this.#finishClosing();
  }

  #finishClosing(): void {
    this.#syncs.start();
    if (this.#state !== 'closing' || this.#syncs.isUnderWay) return;
    this.#syncs.report();
    for (const effect of this.#gate.release(this.#syncs.reportedSeq)) this.#releaseEffect(effect);
    this.#flushOutbox();
    this.#end();
  }

  #fail(failure: RunnerFailure): void {
    if (this.#state === 'stopped') return;
    this.#end();
    this.#options.onStop(failure);
  }

  #end(): void {
    this.#state = 'stopped';
    this.#syncs.stop();
    this.#timer.stop();
    clearTimeout(this.#drainTimer);
    this.#wallClock?.stop();
    const reason = new RunnerError('STOPPED', 'the node has stopped; what was asked may have happened');
    this.#streams.failAll(reason);
    this.#streams.clear();
    this.#queue.clear();
    this.#snapshots.closeAll();
    this.#pending.rejectAll(reason);
    this.#resolveStop?.();
  }
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
