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
  const found = foreign(captured, 'captured');
  assert(found === undefined, `${found ?? ''}, which is no plain data`);
  const writer = new WireWriter();
  writeCaptured(writer, captured);
  return readCaptured(new WireReader(writer.finish()));
}

/** Where there is something else than plain data, and what; undefined when there is nothing. */
function foreign(value: unknown, where: string): string | undefined {
  if (typeof value === 'function' || typeof value === 'symbol') return `${where} is a ${typeof value}`;
  if (typeof value !== 'object' || value instanceof Uint8Array) return undefined;
  if (value === null) return `${where} is null`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (!Array.isArray(value) && prototype !== Object.prototype) return `${where} is of a class`;
  // Names are put together only where something is found: most of what is captured is numbers in long lists.
  for (const name of Object.keys(value)) {
    const field = (value as Readonly<Record<string, unknown>>)[name];
    if (typeof field === 'number' || typeof field === 'string') continue;
    const found = foreign(field, name);
    if (found !== undefined) return `${where}.${found}`;
  }
  return undefined;
}
