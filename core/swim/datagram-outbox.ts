import { assert } from '../base/assert.ts';
import { type StateForm } from '../base/capture.ts';
import { BroadcastQueue } from './broadcast-queue.ts';
import { encodeDatagram, encodeMessage, envelopeLength } from './datagram-codec.ts';
import { type Rumor, type SwimEffect, type SwimMessage } from './types.ts';

/** What a step has come to, and what is new and goes along with it. */
export class DatagramOutbox {
  readonly broadcasts = new BroadcastQueue();
  readonly #cluster: string;
  readonly #datagramBytesMax: number;
  #effects: SwimEffect[] = [];
  /** How often a rumor is sent at the cluster's present size. */
  #sentMax = 1;

  constructor(options: { readonly cluster: string; readonly datagramBytesMax: number }) {
    this.#cluster = options.cluster;
    this.#datagramBytesMax = options.datagramBytesMax;
  }

  /** Room for messages in a datagram. */
  get roomBytes(): number {
    return this.#datagramBytesMax - envelopeLength(this.#cluster);
  }

  set sentMax(value: number) {
    this.#sentMax = value;
  }

  push(effect: SwimEffect): void {
    this.#effects.push(effect);
  }

  /** Sends the messages in one datagram, and with them as much of what is new as fits. */
  send(to: string, messages: readonly SwimMessage[]): void {
    const encoded = messages.map(encodeMessage);
    const taken = encoded.reduce((bytes, { length }) => bytes + length, 0);
    this.#post(to, [...encoded, ...this.broadcasts.take(this.roomBytes - taken, this.#sentMax)]);
  }

  /** Sends these messages and no more: a datagram that may be as long as any. */
  sendAlone(to: string, message: SwimMessage): void {
    this.#post(to, [encodeMessage(message)]);
  }

  /** Sends what is new, as much as fits; nothing when nothing is. */
  gossip(to: string): void {
    const taken = this.broadcasts.take(this.roomBytes, this.#sentMax);
    if (taken.length > 0) this.#post(to, taken);
  }

  broadcast(rumor: Rumor): void {
    this.broadcasts.push(rumor);
  }

  take(): readonly SwimEffect[] {
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  passState(form: StateForm): void {
    form.part('broadcasts', this.broadcasts);
    this.#sentMax = form.number('sentMax', this.#sentMax);
  }

  #post(to: string, messages: readonly Uint8Array[]): void {
    const datagram = encodeDatagram(this.#cluster, messages);
    assert(datagram.length <= this.#datagramBytesMax, 'a datagram is no longer than its bound');
    this.#effects.push({ kind: 'send', to, datagram });
  }
}
