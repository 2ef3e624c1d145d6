import { type StateForm } from '../base/capture.ts';
import { type CapturablePrng, passPrng } from '../base/prng.ts';
import { type Beliefs } from './beliefs.ts';
import { type SwimConfig } from './config.ts';
import { type LocalHealth } from './local-health.ts';
import { isLive } from './member-table.ts';
import { type DatagramOutbox } from './datagram-outbox.ts';
import { ProbeOrder } from './probe-order.ts';
import { Relays } from './relays.ts';
import { type SwimMessage } from './types.ts';

/** Probes for others under way at the same time; those that come on top are not made, and not answered. */
const relaysMax = 256;

/**
 * Probes one member a period: directly, then through others, and suspects it when the period is over without an answer.
 *
 * Source: SWIM (2002), §3.1; the nacks: Lifeguard (2017), §IV-A.
 */
export class Prober {
  readonly #config: SwimConfig;
  readonly #beliefs: Beliefs;
  readonly #health: LocalHealth;
  readonly #outbox: DatagramOutbox;
  readonly #order = new ProbeOrder();
  readonly #relays = new Relays(relaysMax);
  #prng: CapturablePrng;
  #probe: Probe | undefined;
  /** When the period ends. */
  #nextUs: number;
  #seq = 0;

  constructor(parts: {
    readonly config: SwimConfig;
    readonly beliefs: Beliefs;
    readonly health: LocalHealth;
    readonly outbox: DatagramOutbox;
    readonly prng: CapturablePrng;
    readonly nowUs: number;
  }) {
    this.#config = parts.config;
    this.#beliefs = parts.beliefs;
    this.#health = parts.health;
    this.#outbox = parts.outbox;
    this.#prng = parts.prng;
    // Members that start together do not probe together.
    this.#nextUs = parts.nowUs + this.#prng.below(parts.config.probeIntervalUs);
  }

  get deadlineUs(): number {
    return Math.min(this.#nextUs, this.#probe?.indirectUs ?? Infinity, this.#relays.deadlineUs);
  }

  /** Somebody new is there to be probed. */
  met(name: string): void {
    this.#order.add(this.#prng, name);
  }

  tick(nowUs: number): void {
    for (const { askerAddress, askerSeq } of this.#relays.silent(nowUs)) {
      this.#outbox.send(askerAddress, [{ kind: 'nack', seq: askerSeq, from: this.#name }]);
    }
    const probe = this.#probe;
    if (probe !== undefined && probe.indirectUs <= nowUs && nowUs < this.#nextUs) this.#askOthers(probe);
    if (this.#nextUs > nowUs) return;
    // Nobody waits for an answer for longer than the slowest member's period.
    this.#relays.forgetBefore(nowUs - this.#config.probeIntervalUs * this.#config.healthMax);
    if (probe !== undefined) this.#fail(probe, nowUs);
    this.#begin(nowUs);
  }

  onPing(from: string, message: Extract<SwimMessage, { kind: 'ping' }>): void {
    if (message.target !== this.#name) return;
    this.#outbox.send(from, [{ kind: 'ack', seq: message.seq, from: this.#name }]);
  }

  onAck(message: Extract<SwimMessage, { kind: 'ack' }>): void {
    const { seq, from } = message;
    if (this.#probe?.seq === seq && this.#probe.target === from) {
      this.#probe = undefined;
      this.#health.recover();
      return;
    }
    const relay = this.#relays.answered(seq, from);
    if (relay === undefined) return;
    this.#outbox.send(relay.askerAddress, [{ kind: 'ack', seq: relay.askerSeq, from: relay.target }]);
  }

  onNack(message: Extract<SwimMessage, { kind: 'nack' }>): void {
    const probe = this.#probe;
    if (probe?.seq !== message.seq || probe.nacks >= probe.asked) return;
    this.#probe = { ...probe, nacks: probe.nacks + 1 };
  }

  onPingRequest(from: string, message: Extract<SwimMessage, { kind: 'pingRequest' }>, nowUs: number): void {
    const { target, targetAddress } = message;
    if (target === this.#name) {
      this.#outbox.send(from, [{ kind: 'ack', seq: message.seq, from: this.#name }]);
      return;
    }
    if (this.#relays.full) return;
    this.#seq += 1;
    // Before the asker's period is over, though not all of it is left when it asks.
    const nackUs = nowUs + Math.floor((this.#config.probeTimeoutUs * 4) / 5);
    const asked = { askerAddress: from, askerSeq: message.seq, target, askedUs: nowUs, nackUs };
    this.#relays.add(this.#seq, asked);
    this.#ping(target, targetAddress, this.#seq);
  }

  passState(form: StateForm): void {
    this.#prng = passPrng(form, 'prng', this.#prng);
    form.part('order', this.#order);
    form.part('relays', this.#relays);
    this.#probe = form.optional('probe', this.#probe, blankProbe, passProbe);
    this.#nextUs = form.number('nextUs', this.#nextUs);
    this.#seq = form.number('seq', this.#seq);
  }

  get #name(): string {
    return this.#beliefs.self.name;
  }

  #begin(nowUs: number): void {
    this.#nextUs = nowUs + this.#health.scaled(this.#config.probeIntervalUs);
    const names = new Set(this.#beliefs.table.liveRecords().map(({ name }) => name));
    const target = this.#order.next(this.#prng, names);
    const record = target === undefined ? undefined : this.#beliefs.table.get(target)?.record;
    if (target === undefined || record === undefined) return;
    this.#seq += 1;
    const indirectUs = nowUs + this.#health.scaled(this.#config.probeTimeoutUs);
    this.#probe = { seq: this.#seq, target, indirectUs, asked: 0, nacks: 0 };
    this.#ping(target, record.gossipAddress, this.#seq);
  }

  /**
   * One that is suspected is told so, first of all: it has no time to lose (the buddy system of Lifeguard, §IV-C). Before the ping
   * itself, so that what it says to that comes with its answer, however often the rumor of it has missed this member.
   */
  #ping(target: string, address: string, seq: number): void {
    const ping: SwimMessage = { kind: 'ping', seq, from: this.#name, target };
    const known = this.#beliefs.table.get(target);
    if (known?.suspicion === undefined) {
      this.#outbox.send(address, [ping]);
      return;
    }
    const from = known.suspicion.by[0] ?? this.#name;
    this.#outbox.send(address, [{ kind: 'rumor', rumor: { ...known.record, from } }, ping]);
  }

  #askOthers(probe: Probe): void {
    const { table } = this.#beliefs;
    const target = table.get(probe.target)?.record;
    if (target === undefined || !isLive(target)) {
      this.#probe = undefined;
      return;
    }
    const others = table.draw(this.#prng, this.#config.indirectProbes, ({ record }) => {
      return record.state === 'alive' && record.name !== probe.target;
    });
    for (const { gossipAddress } of others) {
      this.#outbox.send(gossipAddress, [
        {
          kind: 'pingRequest',
          seq: probe.seq,
          from: this.#name,
          target: probe.target,
          targetAddress: target.gossipAddress,
        },
      ]);
    }
    this.#probe = { ...probe, indirectUs: Infinity, asked: others.length };
  }

  #fail(probe: Probe, nowUs: number): void {
    this.#probe = undefined;
    // Those that were asked and said nothing at all are not all gone: this member does not hear.
    this.#health.worsen(probe.asked > 0 ? probe.asked - probe.nacks : 1);
    this.#beliefs.suspect(probe.target, nowUs);
  }
}

interface Probe {
  readonly seq: number;
  readonly target: string;
  /** When others are asked; Infinity once they were. */
  readonly indirectUs: number;
  readonly asked: number;
  /** Of those that were asked, those that have heard nothing either. At most `asked`. */
  readonly nacks: number;
}

const blankProbe: Probe = { seq: 0, target: '', indirectUs: 0, asked: 0, nacks: 0 };

function passProbe(form: StateForm, probe: Probe): Probe {
  return {
    seq: form.number('seq', probe.seq),
    target: form.text('target', probe.target),
    indirectUs: form.number('indirectUs', probe.indirectUs),
    asked: form.number('asked', probe.asked),
    nacks: form.number('nacks', probe.nacks),
  };
}
