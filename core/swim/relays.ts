import { passMap, type StateForm } from '../base/capture.ts';

/** A probe that another has asked this member to make. */
export interface Relay {
  /** Who asked, where it is, and what it calls the probe. */
  readonly askerAddress: string;
  readonly askerSeq: number;
  readonly target: string;
  readonly askedUs: number;
  /** When the asker is told that nothing was heard yet; Infinity once it was. */
  readonly nackUs: number;
}

/** Probes for others under way, at most so many, by the number that this member gave each. */
export class Relays {
  readonly #relays = new Map<number, Relay>();
  readonly #max: number;

  constructor(max: number) {
    this.#max = max;
  }

  get full(): boolean {
    return this.#relays.size >= this.#max;
  }

  /** When the next asker is told that nothing was heard. */
  get deadlineUs(): number {
    let deadlineUs = Infinity;
    for (const { nackUs } of this.#relays.values()) deadlineUs = Math.min(deadlineUs, nackUs);
    return deadlineUs;
  }

  add(seq: number, relay: Relay): void {
    this.#relays.set(seq, relay);
  }

  /** The target has answered; undefined when nobody waits for that. */
  answered(seq: number, from: string): Relay | undefined {
    const relay = this.#relays.get(seq);
    if (relay?.target !== from) return undefined;
    this.#relays.delete(seq);
    return relay;
  }

  /** Those whose asker is to be told now; once each. */
  silent(nowUs: number): readonly Relay[] {
    const silent: Relay[] = [];
    for (const [seq, relay] of this.#relays) {
      if (relay.nackUs > nowUs) continue;
      silent.push(relay);
      this.#relays.set(seq, { ...relay, nackUs: Infinity });
    }
    return silent;
  }

  /** Those that nobody waits for any more. */
  forgetBefore(askedUs: number): void {
    for (const [seq, relay] of this.#relays) if (relay.askedUs < askedUs) this.#relays.delete(seq);
  }

  passState(form: StateForm): void {
    passMap(form, 'relays', this.#relays, { blank: [0, blankRelay], pass: passEntry });
  }
}

const blankRelay: Relay = { askerAddress: '', askerSeq: 0, target: '', askedUs: 0, nackUs: 0 };

function passEntry(form: StateForm, [seq, relay]: readonly [number, Relay]): readonly [number, Relay] {
  return [
    form.number('seq', seq),
    {
      askerAddress: form.text('askerAddress', relay.askerAddress),
      askerSeq: form.number('askerSeq', relay.askerSeq),
      target: form.text('target', relay.target),
      askedUs: form.number('askedUs', relay.askedUs),
      nackUs: form.number('nackUs', relay.nackUs),
    },
  ];
}
