import { setTimeout } from 'node:timers/promises';

import { type Machine } from '../../core/base/machine.ts';
import { type RecipeEffect, type RecipeEvent } from '../../core/chainfire/client/recipes/protocol.ts';
import { type ClientOutcome } from '../../core/chainfire/client/protocol.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { type ClientDriver, monotonicUs, type OpenWatch } from './driver.ts';

/** One call is tried for so long; a recipe that is given up ends after two of them at the latest. */
const callTimeoutMs = 5_000;
/** A call that surely did nothing is made again after so long, while the recipe is wanted. */
const pauseMs = 100;

/**
 * Drives a recipe: makes its calls, opens its watch, passes on whatever else it says. A call is tried for as long as the
 * recipe is wanted; the lease that it stands on, or its owner's deadline, ends it.
 */
export class RecipeDriver<Effect extends { readonly kind: string }> {
  readonly #client: ClientDriver;
  readonly #recipe: Machine<RecipeEvent, Effect | RecipeEffect>;
  readonly #onEffect: (effect: Effect) => void;
  readonly #waiting: RecipeEvent[] = [];
  #stepping = false;
  #watch: OpenWatch | undefined;
  #cancelled = false;

  constructor(
    client: ClientDriver,
    recipe: Machine<RecipeEvent, Effect | RecipeEffect>,
    onEffect: (effect: Effect) => void,
  ) {
    this.#client = client;
    this.#recipe = recipe;
    this.#onEffect = onEffect;
    this.#step({ kind: 'begun' });
  }

  cancel(): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#step({ kind: 'cancelled' });
  }

  #step(event: RecipeEvent): void {
    this.#waiting.push(event);
    if (this.#stepping) return;
    this.#stepping = true;
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) {
      for (const effect of this.#recipe.step(next, monotonicUs())) this.#handle(effect);
    }
    this.#stepping = false;
  }

  #handle(effect: Effect | RecipeEffect): void {
    if (isRecipeEffect(effect)) this.#handleOwn(effect);
    else this.#onEffect(effect);
  }

  #handleOwn(effect: RecipeEffect): void {
    switch (effect.kind) {
      case 'call':
        void this.#call(effect.request).then((outcome) => this.#step({ kind: 'answered', outcome }));
        break;
      case 'watch':
        this.#watch = this.#client.watch(effect.target, {
          delivered: (batch) => this.#step({ kind: 'watched', batch }),
          ended: (end) => this.#step({ kind: 'watchEnded', end }),
        });
        break;
      case 'unwatch':
        this.#watch?.close();
        this.#watch = undefined;
        break;
    }
  }

  async #call(request: MemberRequest): Promise<ClientOutcome> {
    for (;;) {
      const outcome = await this.#client.call(request, callTimeoutMs);
      if (outcome.kind !== 'failed' || this.#cancelled || this.#client.isClosed) return outcome;
      await setTimeout(pauseMs);
    }
  }
}

function isRecipeEffect(effect: { readonly kind: string }): effect is RecipeEffect {
  return effect.kind === 'call' || effect.kind === 'watch' || effect.kind === 'unwatch';
}
