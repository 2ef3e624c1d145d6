import { assert, unreachable } from '../base/assert.ts';
import { type Machine } from '../base/machine.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { usPerMs } from '../base/units.ts';
import { assembleBroker, type BrokerParts, type BrokerPorts } from './broker-parts.ts';
import {
  type BrokerConfig,
  type BrokerEffect,
  type BrokerEvent,
  type BrokerMessage,
  type BrokerRequest,
} from './broker-protocol.ts';
import { type BrokerView, createBrokerView } from './broker-view.ts';
import { type BrokerState as MetadataBroker } from './metadata/rows.ts';
import { type BrokerState } from './replication/assignment.ts';
import { type MetadataEvent } from './metadata/replica-protocol.ts';
import { type MetadataMessage } from './metadata/messages.ts';
import { metadataTables } from './metadata/tables.ts';
import { type NodeId } from '../base/ids.ts';
import { isMarkerMessage } from './transaction/messages.ts';
import { noEpoch } from './types.ts';

export type { BrokerPorts } from './broker-parts.ts';
export type { BrokerView } from './broker-view.ts';
export { defaultBrokerSettings } from './settings.ts';

/** Tables of the ordered store that a broker writes. */
export const brokerTables: readonly string[] = metadataTables;

/** Rounds of one part telling another within a step; more means that they tell each other the same thing for ever. */
const roundsMax = 1_000;

/**
 * A broker of a Chronik cluster: the metadata that all of them agree upon, this broker's replicas, its coordinators, and the
 * requests that wait for any of them.
 *
 * Its parts are stepped from here alone, one at a time. What one of them has to tell another waits until it has returned, so
 * that none is ever called while it is in the middle of something.
 */
export class ChronikBroker implements Machine<BrokerEvent, BrokerEffect> {
  readonly #parts: BrokerParts;
  readonly #view: BrokerView;
  #started = false;
  /** Asked to leave: who waits for it to be possible. */
  #leaving: number[] = [];
  #stopped = false;
  /** The registration that the parts know of. */
  #registered = noEpoch;
  /** Up to this number the metadata has confirmed what it is, and the parts know of it; both are passed on together. */
  #confirmed = 0;

  /** The broker that the store and the files describe; a new one where both are empty. */
  static recover(
    ports: BrokerPorts,
    config: BrokerConfig,
    prng: CapturablePrng,
    nowUs: number,
  ): ChronikBroker {
    return new ChronikBroker(assembleBroker(ports, config, prng, nowUs));
  }

  private constructor(parts: BrokerParts) {
    this.#parts = parts;
    this.#view = createBrokerView(parts);
  }

  get view(): BrokerView {
    return this.#view;
  }

  get deadlineUs(): number {
    const { clock, metadata, replication, replicas, coordinators } = this.#parts;
    if (!this.#started) return clock.nowUs;
    if (this.#stopped) return Infinity;
    if (replicas.hasWork) return clock.nowUs;
    return Math.min(metadata.deadlineUs, replication.deadlineUs, coordinators.deadlineUs);
  }

  step(event: BrokerEvent, nowUs: number): readonly BrokerEffect[] {
    const { clock, output, replicas } = this.#parts;
    assert(nowUs >= clock.nowUs, 'time is monotonic');
    clock.nowUs = nowUs;
    this.#started = true;
    replicas.stepBegun(nowUs);
    switch (event.kind) {
      case 'tick':
        this.#onTick();
        break;
      case 'wallClock':
        this.#onWallClock(Math.floor(event.wallUs / usPerMs));
        break;
      case 'received':
        this.#onReceived(event.from, event.messages);
        break;
      case 'synced':
        this.#onSynced(event.syncSeq);
        break;
      case 'stored':
      case 'snapshotReceived':
      case 'snapshotSent':
      case 'snapshotFailed':
        this.#stepMetadata(event);
        break;
      case 'requested':
        this.#onRequested(event.requestId, event.request);
        break;
      case 'cancelled':
        this.#parts.requests.cancelled(event.requestId);
        break;
      default:
        unreachable(event);
    }
    this.#settle();
    return output.take();
  }

  #onTick(): void {
    const { clock, metadata, replication, coordinators } = this.#parts;
    if (metadata.deadlineUs <= clock.nowUs) this.#stepMetadata({ kind: 'tick' });
    if (replication.deadlineUs <= clock.nowUs) replication.tick(clock.nowUs);
    if (coordinators.deadlineUs <= clock.nowUs) coordinators.tick(clock.nowUs);
  }

  #onWallClock(wallMs: number): void {
    const { clock, replication, coordinators } = this.#parts;
    clock.wallMs = wallMs;
    replication.wallClock(wallMs, clock.nowUs);
    coordinators.wallClock(wallMs);
  }

  #onReceived(from: NodeId, messages: readonly BrokerMessage[]): void {
    const { clock, coordinators, replication } = this.#parts;
    const metadata: MetadataMessage[] = [];
    for (const message of messages) {
      if (message.kind === 'raft' || message.kind === 'brokerBeat') metadata.push(message);
      else if (isMarkerMessage(message)) coordinators.transactions.received(from, message);
      else replication.received(from, message, clock.nowUs);
    }
    if (metadata.length > 0) this.#stepMetadata({ kind: 'received', from, messages: metadata });
  }

  #onSynced(syncSeq: number): void {
    const { clock, output, replication } = this.#parts;
    const metadataSeq = output.synced(syncSeq);
    replication.synced(syncSeq, clock.nowUs);
    if (metadataSeq !== undefined) this.#stepMetadata({ kind: 'synced', syncSeq: metadataSeq });
  }

  #onRequested(requestId: number, request: BrokerRequest): void {
    const { requests, metadata } = this.#parts;
    switch (request.kind) {
      case 'call':
        requests.requested(requestId, request.call, request.client);
        break;
      case 'shutdown':
        metadata.beginShutdown();
        this.#leaving.push(requestId);
        break;
      default:
        unreachable(request);
    }
  }

  #stepMetadata(event: MetadataEvent): void {
    const { clock, metadata, output, commands } = this.#parts;
    for (const effect of metadata.step(event, clock.nowUs)) {
      if (effect.kind === 'outcome') commands.outcome(effect.token, effect.outcome);
      else if (effect.kind === 'confirmed') this.#confirmed = effect.number;
      else output.metadata(effect);
      if (effect.kind === 'stop') this.#stopped = true;
    }
  }

  /** What follows from an event: the metadata first, since the other parts act on what it says. */
  #settle(): void {
    const { clock, coordinators, metadata, replication, notices, output } = this.#parts;
    const { nowUs } = clock;
    this.#passOnChanges();
    replication.metadataConfirmed(this.#confirmed);
    const { transactions } = coordinators;
    for (let round = 0; ; round += 1) {
      assert(round < roundsMax, 'parts come to an end with each other');
      replication.settle(nowUs);
      if (!notices.pass(this.#parts, nowUs) && !transactions.passOwn()) break;
    }
    replication.flush(nowUs);
    if (this.#leaving.length > 0 && metadata.mayStop) {
      for (const requestId of this.#leaving) output.reply(requestId, { kind: 'shutdown' });
      this.#leaving = [];
    }
  }

  /** What applying has changed, to everybody whom it concerns. */
  #passOnChanges(): void {
    const { clock, config, configs, metadata, replication, replicas, authorization, quotas, coordinators } =
      this.#parts;
    const changes = metadata.takeChanges();
    const { image, brokerEpoch } = metadata;
    const { nowUs } = clock;
    if (changes.replaced || changes.acls) authorization.replace(image.acls);
    if (changes.replaced || changes.quotas) quotas.replace(image.quotas());
    if (changes.replaced) replication.brokersChanged(brokerStates(image.brokers));
    else if (changes.brokers.length > 0) {
      const changed = changes.brokers.flatMap((id) => image.broker(id) ?? []);
      replication.brokersChanged(brokerStates(changed));
    }
    if (changes.replaced || changes.brokerConfigs.length > 0)
      replication.throttle(configs.throttles(config.id));
    replicas.changed(changes, nowUs);
    for (const topic of changes.topicsDeleted) coordinators.groups.topicDeleted(topic.name, nowUs);
    if (brokerEpoch === noEpoch || brokerEpoch === this.#registered) return;
    assert(image.broker(config.id)?.epoch === brokerEpoch, 'a broker knows its own registration');
    this.#registered = brokerEpoch;
    replication.registered(brokerEpoch, nowUs);
    replicas.caughtUp(nowUs);
  }
}

function brokerStates(brokers: readonly MetadataBroker[]): readonly BrokerState[] {
  return brokers.map(({ id, epoch, fenced, inControlledShutdown }) => ({
    id,
    brokerEpoch: epoch,
    isFenced: fenced || inControlledShutdown,
  }));
}
