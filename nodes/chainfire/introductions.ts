import { setTimeout as pause } from 'node:timers/promises';
import { type Logger } from 'pino';

import { type Address, formatAddress } from '../../adapters/config/address.ts';
import { askForIntroduction } from '../../adapters/peer/introduction.ts';
import { type Dial } from '../../adapters/peer/link.ts';
import { type Enquiry } from '../../adapters/peer/protocol.ts';
import { decodeIntroduction, type Introduction } from './introduction.ts';

/** None of the members that this node was told to ask has answered. Trying again later may help. */
export class NobodyAnswers extends Error {
  override readonly name = 'NobodyAnswers';
}

/** A member that lives answers within a request's time-out; it waits for the cluster's word. */
const askMs = 6_000;
/** One that runs says at once what it knows; one that does not is not waited for. */
const onceMs = 1_000;
/** How long a node that joins goes on asking. */
const insistMs = 30_000;
const pauseMs = 500;

/** Asks members about their cluster, until the process is to stop. */
export class Introductions {
  readonly #dial: Dial;
  readonly #log: Logger;
  readonly #stopped: AbortSignal;

  constructor(dial: Dial, log: Logger, stopped: AbortSignal) {
    this.#dial = dial;
    this.#log = log;
    this.#stopped = stopped;
  }

  /** All at once, what each knows; the first answer. Undefined when there is none. */
  async once(addresses: readonly Address[], clusterId: bigint): Promise<Introduction | undefined> {
    if (addresses.length === 0) return undefined;
    const asked = addresses.map((address) => this.#ask('acquaintance', address, clusterId, onceMs));
    try {
      return await Promise.any(asked);
    } catch {
      // Nobody is there yet, as at the birth of a cluster.
      return undefined;
    }
  }

  /** One after the other, again and again, what the cluster has agreed upon. @throws NobodyAnswers with everybody's last reason */
  async insist(addresses: readonly Address[]): Promise<Introduction> {
    const endMs = performance.now() + insistMs;
    for (let round = 1; ; round += 1) {
      const reasons: string[] = [];
      for (const address of addresses) {
        try {
          return await this.#ask('introduction', address, undefined, askMs);
        } catch (error) {
          reasons.push(`${formatAddress(address)}: ${(error as Error).message}`);
        }
      }
      if (performance.now() >= endMs || this.#stopped.aborted) {
        throw new NobodyAnswers(`no member of the cluster to join answers: ${reasons.join('; ')}`);
      }
      if (round === 1) this.#log.warn({ reasons }, 'no member of the cluster to join answers yet');
      await pause(pauseMs, undefined, { signal: this.#stopped }).catch(() => undefined);
    }
  }

  async #ask(
    purpose: Enquiry,
    address: Address,
    clusterId: bigint | undefined,
    timeoutMs: number,
  ): Promise<Introduction> {
    return decodeIntroduction(
      await askForIntroduction({
        purpose,
        address,
        dial: this.#dial,
        clusterId,
        timeoutMs,
        signal: this.#stopped,
      }),
    );
  }
}
