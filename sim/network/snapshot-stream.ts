import { type NodeId } from '../../core/base/ids.ts';
import { type StoreView, stagesMax } from '../../core/storage/backend.ts';
import { type ProcessMachine, type ProcessTypes } from '../process-protocol.ts';
import { type SimulatedProcess } from '../process.ts';
import { type World } from '../world.ts';
import { type Network } from './network.ts';
import { packetBytes, type SnapshotChunk, snapshotChunks } from './snapshot-chunks.ts';

const chunkRowsMax = 64;
/** Without a sign from the other side for so long, either side gives up. */
const silenceUsMax = 2_000_000;
const pausedPollUs = 10_000;
const unknownEffect = { kind: 'sendSnapshot' };
const taken = { kind: 'snapshotTaken' };
const broken = { kind: 'snapshotBroken' };

export interface SnapshotStreamOptions<M extends ProcessMachine<T>, T extends ProcessTypes> {
  readonly world: World;
  readonly network: Network;
  /** The effect that began it, for those who watch. */
  readonly effect?: { readonly kind: string };
  readonly sender: SimulatedProcess<M, T>;
  readonly receiver: SimulatedProcess<M, T>;
  readonly header: T['header'];
  readonly view: StoreView;
}

/**
 * One snapshot on its way: chunks of the view go out one by one, each when the one before was acknowledged, into a stage
 * beside the receiver's store. A packet that is lost, a process that dies or a side that falls silent ends it: the sender
 * steps `snapshotFailed`, and what was staged is discarded. At the end the receiver's machine is told, then the sender's.
 */
export class SnapshotStream<M extends ProcessMachine<T>, T extends ProcessTypes> {
  readonly #options: SnapshotStreamOptions<M, T>;
  readonly #receiverMember: NodeId;
  readonly #senderBoot: number;
  readonly #receiverBoot: number;
  readonly #chunks: Iterator<SnapshotChunk>;
  #stageId: number | undefined;
  /** Chunks that each side has seen. */
  #sent = 0;
  #acknowledged = 0;
  #received = 0;
  #senderDone = false;
  #receiverDone = false;

  constructor(options: SnapshotStreamOptions<M, T>) {
    this.#options = options;
    this.#receiverMember = options.receiver.member;
    this.#senderBoot = options.sender.boot;
    this.#receiverBoot = options.receiver.boot;
    this.#chunks = snapshotChunks(options.view, options.sender.store.tables, chunkRowsMax);
  }

  begin(): void {
    this.#sendNext();
  }

  #sendNext(): void {
    const next = this.#chunks.next();
    const chunk = next.done === true ? undefined : next.value;
    this.#sent += 1;
    const awaited = this.#sent;
    const { sender, receiver } = this.#options;
    this.#packet(sender, receiver, this.#options.effect ?? unknownEffect, chunk?.bytes ?? packetBytes, () => {
      this.#whenRunning(receiver, () => {
        if (chunk === undefined) this.#onEnd();
        else this.#onChunk(chunk);
      });
    });
    this.#options.world.after(silenceUsMax, () => {
      if (this.#acknowledged < awaited) this.#fail();
    });
  }

  #onChunk(chunk: SnapshotChunk): void {
    if (!this.#receiverAlive() || this.#receiverDone) return;
    const store = this.#options.receiver.store;
    if (this.#stageId === undefined) {
      // A member that is offered more streams than it has stages for turns the newest away.
      if (store.openStages >= stagesMax) return this.#refuse();
      this.#stageId = store.openStage();
    }
    store.stageRows(this.#stageId, chunk.table, chunk.rows);
    this.#onReceived();
  }

  #onEnd(): void {
    if (!this.#receiverAlive() || this.#receiverDone) return;
    const { receiver, sender, header } = this.#options;
    if (this.#stageId === undefined) {
      if (receiver.store.openStages >= stagesMax) return this.#refuse();
      this.#stageId = receiver.store.openStage();
    }
    this.#receiverDone = true;
    const taken = receiver.deliver({
      kind: 'snapshotReceived',
      from: sender.member,
      stageId: this.#stageId,
      header,
    });
    if (!taken) receiver.store.discardStage(this.#stageId);
    this.#answer(() => {
      this.#acknowledged = this.#sent;
      this.#finish(taken ? 'snapshotSent' : 'snapshotFailed');
    });
  }

  #onReceived(): void {
    this.#received += 1;
    const seen = this.#received;
    this.#options.world.after(silenceUsMax, () => {
      if (this.#received === seen) this.#discard();
    });
    this.#answer(() => {
      this.#acknowledged += 1;
      if (this.#senderAlive() && !this.#senderDone) this.#sendNext();
    });
  }

  #refuse(): void {
    this.#receiverDone = true;
    this.#answer(() => {
      this.#fail();
    });
  }

  #answer(arrived: () => void): void {
    const { receiver, sender } = this.#options;
    this.#packet(receiver, sender, taken, packetBytes, () => {
      this.#whenRunning(sender, arrived);
    });
  }

  #discard(): void {
    if (this.#receiverDone || !this.#receiverAlive()) return;
    this.#receiverDone = true;
    if (this.#stageId !== undefined) this.#options.receiver.store.discardStage(this.#stageId);
  }

  #fail(): void {
    if (this.#senderDone || !this.#senderAlive()) return;
    this.#finish('snapshotFailed');
    // The connection breaks with it; a receiver that cannot be told finds out by the silence.
    this.#packet(this.#options.sender, this.#options.receiver, broken, packetBytes, () => {
      this.#discard();
    });
  }

  #finish(kind: 'snapshotSent' | 'snapshotFailed'): void {
    if (this.#senderDone || !this.#senderAlive()) return;
    this.#senderDone = true;
    this.#options.view.close();
    this.#options.sender.deliver({ kind, to: this.#receiverMember });
  }

  /** A stopped process leaves what has come in its socket. */
  #whenRunning(process: SimulatedProcess<M, T>, go: () => void): void {
    if (!process.paused) {
      go();
      return;
    }
    this.#options.world.after(pausedPollUs, () => {
      this.#whenRunning(process, go);
    });
  }

  #packet(
    from: SimulatedProcess<M, T>,
    to: SimulatedProcess<M, T>,
    carries: { readonly kind: string },
    bytes: number,
    arrived: () => void,
  ): void {
    const addresses: { from: NodeId; to: NodeId } = { from: from.node, to: to.node };
    this.#options.network.send({ ...addresses, bytes, carriage: 'stream', carries, arrived });
  }

  #senderAlive(): boolean {
    return this.#options.sender.alive && this.#options.sender.boot === this.#senderBoot;
  }

  #receiverAlive(): boolean {
    return this.#options.receiver.alive && this.#options.receiver.boot === this.#receiverBoot;
  }
}
