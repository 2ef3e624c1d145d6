import { assert } from '../../base/assert.ts';
import { between, type Prng } from '../../base/prng.ts';
import { type ClientConfig } from './protocol.ts';

/** Which endpoint to ask now, and how long to wait before the next attempt; shared by whatever the client does. */
export class Endpoints {
  readonly #config: ClientConfig;
  readonly #prng: Prng;
  #current: number;
  #attempts = 0;

  constructor(config: ClientConfig, prng: Prng) {
    assert(config.endpoints >= 1, 'a client knows an endpoint');
    assert(
      config.retryBackoffMinUs >= 1 && config.retryBackoffMinUs <= config.retryBackoffMaxUs,
      'the shortest pause is not longer than the longest',
    );
    this.#config = config;
    this.#prng = prng;
    // Clients that start together spread over the members.
    this.#current = prng.below(config.endpoints);
  }

  /** The one that last worked. */
  get current(): number {
    return this.#current;
  }

  after(endpoint: number): number {
    return (endpoint + 1) % this.#config.endpoints;
  }

  /** An attempt's number, never used again. */
  nextAttemptId(): number {
    this.#attempts += 1;
    return this.#attempts;
  }

  answered(endpoint: number): void {
    this.#current = endpoint;
  }

  /** Moves on from an endpoint that failed, unless another call already has. */
  leave(endpoint: number): void {
    if (this.#current === endpoint) this.#current = this.after(endpoint);
  }

  /** Doubles with every failure up to the longest; the upper half is drawn, so that what failed together parts. */
  pauseUs(failures: number): number {
    return pauseUs(this.#config, this.#prng, failures);
  }
}

/** @param failures in a row, at least 1 */
export function pauseUs(
  config: Pick<ClientConfig, 'retryBackoffMinUs' | 'retryBackoffMaxUs'>,
  prng: Prng,
  failures: number,
): number {
  const { retryBackoffMinUs, retryBackoffMaxUs } = config;
  let longestUs = retryBackoffMinUs;
  for (let count = 1; count < failures && longestUs < retryBackoffMaxUs; count += 1) longestUs *= 2;
  longestUs = Math.min(longestUs, retryBackoffMaxUs);
  return between(prng, Math.ceil(longestUs / 2), longestUs);
}
