import {
  CampaignRecipe,
  leaderIn,
  leaderRequest,
  ObserveRecipe,
  proclaimRequest,
} from '../../core/chainfire/client/recipes/election.ts';
import { type ObserveEffect, type RecipeEffect } from '../../core/chainfire/client/recipes/protocol.ts';
import { type Bytes, bytesOf, keyOf } from './bytes.ts';
import { type Caller, type Deadline } from './calls.ts';
import { Deferred } from './deferred.ts';
import { Entry, entryOf } from './entry.ts';
import { ChainfireError, errorOfFailure } from './errors.ts';
import { HeldPlace } from './held-place.ts';
import { takePlace, type WaitOptions } from './queue.ts';
import { RecipeDriver } from './recipe.ts';

/** One leader at a time among those that campaign under a name. */
export class Election {
  readonly #caller: Caller;
  readonly #name: string;

  constructor(caller: Caller, name: Bytes) {
    this.#caller = caller;
    this.#name = keyOf(name);
  }

  /** Waits until it leads. `value` is what the leader says of itself. */
  async campaign(value: Bytes, options: WaitOptions = {}): Promise<Leadership> {
    const place = await takePlace(
      this.#caller,
      (leaseId) => new CampaignRecipe({ name: this.#name, leaseId, value: bytesOf(value) }),
      options,
    );
    return new Leadership(this.#caller, place);
  }

  /** The leader's key and value; undefined: nobody leads. */
  async leader(deadline: Deadline = {}): Promise<Entry | undefined> {
    const request = leaderRequest(this.#name);
    if (request.kind !== 'range') throw new Error('the leader is found by a range');
    return entryOf(leaderIn(await this.#caller.ask(request, deadline)));
  }

  /** The leader now, and whenever it changes or proclaims something else; undefined: nobody leads. */
  observe(
    options: { readonly signal?: AbortSignal } = {},
  ): AsyncGenerator<Entry | undefined, void, undefined> {
    return observed(this.#caller, this.#name, options.signal);
  }
}

/** `signal` is aborted when the lease is lost: lead no longer. */
export class Leadership extends HeldPlace {
  /** Says something else. @throws ChainfireError NOT_LEADER when it leads no longer */
  async proclaim(value: Bytes, deadline: Deadline = {}): Promise<void> {
    const request = proclaimRequest({ ...this.held, leaseId: this.lease.id }, bytesOf(value));
    if (request.kind !== 'txn') throw new Error('a proclamation is a transaction');
    const { succeeded } = await this.caller.ask(request, deadline);
    if (!succeeded) throw new ChainfireError('refused', 'NOT_LEADER', 'it leads no longer');
  }

  async resign(deadline: Deadline = {}): Promise<void> {
    await this.leave(deadline);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.resign();
  }
}

/** Proclamations that wait to be read; beyond it only the newest of them are kept. */
const observedMax = 1_000;

async function* observed(
  caller: Caller,
  name: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Entry | undefined, void, undefined> {
  const told: (Entry | undefined)[] = [];
  let failure: ChainfireError | undefined;
  let changed = new Deferred<void>();
  const driver = new RecipeDriver(
    caller.client,
    new ObserveRecipe(name),
    (effect: Exclude<ObserveEffect, RecipeEffect>) => {
      if (effect.kind === 'failed') failure = errorOfFailure(effect);
      else told.push(effect.kind === 'led' ? new Entry(effect.leader) : undefined);
      if (told.length > observedMax) told.shift();
      changed.resolve();
    },
  );
  const onAbort = (): void => driver.cancel();
  if (signal?.aborted === true) driver.cancel();
  signal?.addEventListener('abort', onAbort);
  try {
    for (;;) {
      while (told.length > 0) yield told.shift();
      if (failure !== undefined) {
        if (failure.code === 'ABORTED') return;
        throw failure;
      }
      await changed.promise;
      changed = new Deferred();
    }
  } finally {
    signal?.removeEventListener('abort', onAbort);
    driver.cancel();
  }
}
