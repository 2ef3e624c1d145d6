import { assert } from '../core/base/assert.ts';
import { type Capturable, type Captured } from '../core/base/capture.ts';
import { type Prng } from '../core/base/prng.ts';
import { readCaptured, writeCaptured } from '../core/wire/captured-codec.ts';
import { WireReader } from '../core/wire/reader.ts';
import { WireWriter } from '../core/wire/writer.ts';

/**
 * Whether what a machine captures is all that it is: after some of the steps, whichever chance names, a process's machine is
 * captured, and another that is restored from that takes its place. The run must not notice: its rolling hash stays the
 * same, or else there is state that was not captured.
 *
 * Not verified: that what the ports hold could be found again elsewhere; the other machine goes on with the same ones.
 */
export class CaptureCheck {
  readonly #prng: Prng;
  readonly #every: number;
  #exchanges = 0;

  /** @param every one step in so many is followed by an exchange; its own randomness, lest the run's be changed */
  constructor(prng: Prng, every: number) {
    assert(Number.isSafeInteger(every) && every >= 1, 'one step in at least one is followed by an exchange');
    this.#prng = prng;
    this.#every = every;
  }

  /** Machines that have been exchanged so far. */
  get exchanges(): number {
    return this.#exchanges;
  }

  /** Says after each step of a process what takes its machine's place; undefined when it stays. */
  exchangeOf<P, M extends Capturable>(
    restore: (captured: Captured, process: P) => M,
  ): (process: P, machine: M) => M | undefined {
    return (process, machine) => {
      if (!this.#prng.chance(1, this.#every)) return undefined;
      this.#exchanges += 1;
      return restore(transcribed(machine.capture()), process);
    };
  }
}

/**
 * What comes back of captured state that was written down, so that it shares nothing with the machine that it was taken from.
 *
 * @throws InvariantError for what is no plain data
 */
export function transcribed(captured: Captured): Captured {
  assertPlain(captured, 'captured');
  const writer = new WireWriter();
  writeCaptured(writer, captured);
  return readCaptured(new WireReader(writer.finish()));
}

function assertPlain(value: unknown, where: string): void {
  if (typeof value === 'function' || typeof value === 'symbol' || value === null)
    assert(false, `${where} is plain data, not a ${value === null ? 'null' : typeof value}`);
  if (typeof value !== 'object' || value instanceof Uint8Array) return;
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at += 1) assertPlain(value[at], `${where}[${at}]`);
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  assert(prototype === Object.prototype || prototype === null, `${where} is plain data, not of a class`);
  for (const [name, field] of Object.entries(value)) assertPlain(field, `${where}.${name}`);
}
