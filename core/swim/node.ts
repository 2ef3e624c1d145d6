import { assert, unreachable } from '../base/assert.ts';
import { type Captured, type StateForm } from '../base/capture.ts';
import { captureState, restoreState } from '../base/capture-forms.ts';
import { type Machine } from '../base/machine.ts';
import { type CapturablePrng, passPrng } from '../base/prng.ts';
import { WireError } from '../wire/reader.ts';
import { Beliefs } from './beliefs.ts';
import { assertPlaceFits, assertSwimConfig, type SwimConfig } from './config.ts';
import { type Datagram, decodeDatagram } from './datagram-codec.ts';
import { LocalHealth } from './local-health.ts';
import { isLive, type Member } from './member-table.ts';
import { DatagramOutbox } from './datagram-outbox.ts';
import { Prober } from './prober.ts';
import { StateSync } from './state-sync.ts';
import {
  type MemberRecord,
  type SwimCounts,
  type SwimEffect,
  type SwimEvent,
  type SwimMessage,
} from './types.ts';

type Phase = 'present' | 'leaving' | 'departed';
const phases: readonly Phase[] = ['present', 'leaving', 'departed'];

/**
 * One member of a gossiping group: whom there is, and who seems to be gone. What it says is a hint, right sooner or later and wrong
 * at times: it finds members and raises alarms, and nothing of consensus may rest on it.
 *
 * Sources: Das, Gupta, Motivala, "SWIM" (2002); Dadgar, Phillips, Currey, "Lifeguard" (2017).
 */
export class SwimNode implements Machine<SwimEvent, SwimEffect> {
  /** Of what came, what was of no use. */
  readonly counts: SwimCounts = { foreign: 0, damaged: 0, crowded: 0, syncsRefused: 0 };
  readonly #config: SwimConfig;
  readonly #health: LocalHealth;
  readonly #outbox: DatagramOutbox;
  readonly #beliefs: Beliefs;
  readonly #prober: Prober;
  readonly #sync: StateSync;
  #prng: CapturablePrng;
  #phase: Phase = 'present';
  /** While something is new. */
  #nextGossipUs = Infinity;
  #leaveUntilUs = Infinity;
  #nowUs: number;

  constructor(config: SwimConfig, prng: CapturablePrng, nowUs: number) {
    assertSwimConfig(config);
    this.#config = config;
    this.#nowUs = nowUs;
    this.#prng = prng.fork('gossip');
    const health = new LocalHealth(config.healthMax);
    const outbox = new DatagramOutbox(config);
    const { counts } = this;
    const beliefs = new Beliefs({ config, outbox, health, counts });
    this.#health = health;
    this.#outbox = outbox;
    this.#beliefs = beliefs;
    this.#prober = new Prober({ config, beliefs, health, outbox, prng: prng.fork('probes'), nowUs });
    this.#sync = new StateSync({ config, beliefs, outbox, counts, prng: prng.fork('syncs'), nowUs });
  }

  /** Puts up what was captured, with the configuration that it had. @throws InvariantError when it does not fit */
  static restore(config: SwimConfig, prng: CapturablePrng, captured: Captured, nowUs: number): SwimNode {
    const node = new SwimNode(config, prng, nowUs);
    restoreState(node, captured);
    return node;
  }

  get deadlineUs(): number {
    if (this.#phase === 'departed') return Infinity;
    const gossipUs = Math.min(this.#nextGossipUs, this.#leaveUntilUs);
    if (this.#phase === 'leaving') return gossipUs;
    return Math.min(gossipUs, this.#prober.deadlineUs, this.#sync.deadlineUs, this.#beliefs.deadlineUs);
  }

  get self(): MemberRecord {
    return this.#beliefs.self;
  }

  /** The others that are not gone, and this one unless it has gone itself; by name. */
  get live(): readonly MemberRecord[] {
    const others = this.#beliefs.table.liveRecords();
    const all = this.#phase === 'present' ? [this.self, ...others] : others;
    return all.toSorted((left, right) => (left.name < right.name ? -1 : 1));
  }

  /** Everyone else that is remembered. */
  get others(): readonly Member[] {
    return this.#beliefs.table.all();
  }

  /** Whether it takes another for one that is not gone. */
  holdsLive(name: string): boolean {
    const known = this.#beliefs.table.get(name);
    return known !== undefined && isLive(known.record);
  }

  get joined(): boolean {
    return this.#sync.joined;
  }

  /** 0: it keeps up. */
  get healthScore(): number {
    return this.#health.score;
  }

  /** Rumors that are still passed on. */
  get rumors(): number {
    return this.#outbox.broadcasts.size;
  }

  step(event: SwimEvent, nowUs: number): readonly SwimEffect[] {
    assert(nowUs >= this.#nowUs, 'time is monotonic');
    this.#nowUs = nowUs;
    if (this.#phase === 'departed') return [];
    switch (event.kind) {
      case 'tick':
        this.#onTick(nowUs);
        break;
      case 'received':
        this.#onReceived(event.from, event.datagram, nowUs);
        break;
      case 'leave':
        this.#onLeave(nowUs);
        break;
      case 'placeChanged':
        assertPlaceFits(event);
        if (this.#phase === 'present') this.#beliefs.changePlace(event);
        break;
      default:
        unreachable(event);
    }
    if (this.#outbox.broadcasts.size === 0) this.#nextGossipUs = Infinity;
    else if (this.#nextGossipUs === Infinity) this.#nextGossipUs = nowUs + this.#config.gossipIntervalUs;
    return this.#taken();
  }

  capture(): Captured {
    return captureState(this);
  }

  passState(form: StateForm): void {
    form.same('cluster', this.#config.cluster);
    form.same('name', this.#config.self.name);
    form.part('health', this.#health);
    form.part('outbox', this.#outbox);
    form.part('beliefs', this.#beliefs);
    form.part('prober', this.#prober);
    form.part('sync', this.#sync);
    this.#prng = passPrng(form, 'prng', this.#prng);
    this.#phase = form.choice('phase', this.#phase, phases);
    this.#nextGossipUs = form.number('nextGossipUs', this.#nextGossipUs);
    this.#leaveUntilUs = form.number('leaveUntilUs', this.#leaveUntilUs);
    this.#nowUs = form.number('nowUs', this.#nowUs);
    const { counts } = this;
    counts.foreign = form.number('foreign', counts.foreign);
    counts.damaged = form.number('damaged', counts.damaged);
    counts.crowded = form.number('crowded', counts.crowded);
    counts.syncsRefused = form.number('syncsRefused', counts.syncsRefused);
  }

  #onTick(nowUs: number): void {
    if (this.#phase === 'present') {
      this.#beliefs.expire(nowUs);
      this.#prober.tick(nowUs);
      this.#sync.tick(nowUs);
    }
    if (this.#nextGossipUs <= nowUs) this.#gossip(nowUs);
    if (this.#phase !== 'leaving') return;
    if (this.#outbox.broadcasts.has(this.self.name) && nowUs < this.#leaveUntilUs) return;
    this.#phase = 'departed';
    this.#outbox.push({ kind: 'departed' });
  }

  #onReceived(from: string, bytes: Uint8Array, nowUs: number): void {
    const datagram = this.#decoded(bytes);
    if (datagram === undefined) return;
    if (datagram.cluster !== this.#config.cluster) {
      this.counts.foreign += 1;
      return;
    }
    for (const message of datagram.messages) this.#onMessage(from, message, nowUs);
  }

  #decoded(bytes: Uint8Array): Datagram | undefined {
    try {
      return decodeDatagram(bytes);
    } catch (failure) {
      if (!(failure instanceof WireError)) throw failure;
      this.counts.damaged += 1;
      return undefined;
    }
  }

  #onMessage(from: string, message: SwimMessage, nowUs: number): void {
    switch (message.kind) {
      case 'ping':
        this.#prober.onPing(from, message);
        break;
      case 'ack':
        this.#prober.onAck(message);
        break;
      case 'nack':
        this.#prober.onNack(message);
        break;
      case 'pingRequest':
        this.#prober.onPingRequest(from, message, nowUs);
        break;
      case 'sync':
        this.#sync.onSync(from, message, nowUs);
        break;
      case 'rumor':
        this.#beliefs.hear(message.rumor, nowUs);
        break;
      default:
        unreachable(message);
    }
  }

  #onLeave(nowUs: number): void {
    if (this.#phase !== 'present') return;
    this.#beliefs.leave();
    this.#phase = 'leaving';
    const alone = this.#beliefs.table.live === 0;
    this.#leaveUntilUs = alone ? nowUs : nowUs + this.#config.leaveTimeoutUs;
  }

  /** To the living, and for a while to the dead: one that is not dead hears what is said of it. */
  #gossip(nowUs: number): void {
    this.#nextGossipUs = nowUs + this.#config.gossipIntervalUs;
    const { gossipFanout, gossipToTheDeadUs } = this.#config;
    const others = this.#beliefs.table.draw(this.#prng, gossipFanout, ({ record, sinceUs }) => {
      if (record.state === 'left') return false;
      return record.state !== 'dead' || nowUs - sinceUs < gossipToTheDeadUs;
    });
    // Whoever comes later is given the whole state.
    if (others.length === 0) this.#outbox.broadcasts.clear();
    for (const { gossipAddress } of others) this.#outbox.gossip(gossipAddress);
  }

  /** Whom the step has brought in is probed from now on. */
  #taken(): readonly SwimEffect[] {
    const effects = this.#outbox.take();
    for (const effect of effects) {
      if (effect.kind === 'memberChanged' && effect.change === 'joined') this.#prober.met(effect.member.name);
    }
    return effects;
  }
}
