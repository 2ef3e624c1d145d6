import { type Machine } from '../../../../../core/base/machine.ts';
import { watchFilters } from '../../../../../core/chainfire/api/watch.ts';
import { type ClientOutcome, type WatchTarget } from '../../../../../core/chainfire/client/protocol.ts';
import {
  type RecipeEffect,
  type RecipeEvent,
} from '../../../../../core/chainfire/client/recipes/protocol.ts';
import { type MemberRequest } from '../../../../../core/chainfire/member-protocol.ts';
import { matches } from '../model-watch-server.ts';
import { type ModelStore } from './model-store.ts';

/** What becomes of a call. `unknown…`: the caller is not told, and it was done before that, is done later, or never. */
export type Fate = 'answered' | 'failed' | 'unknownDone' | 'unknownLater' | 'unknownNever';

/** A recipe with its call and its watch, carried out a step at a time, when the test says so. */
export class Contender<Effect extends { readonly kind: string }> {
  readonly said: Exclude<Effect, RecipeEffect>[] = [];
  readonly #recipe: Machine<RecipeEvent, Effect>;
  readonly #store: ModelStore;
  #call: MemberRequest | undefined;
  /** Sent, and on its way to the store though nobody waits for it. */
  #late: MemberRequest | undefined;
  #watch: WatchTarget | undefined;
  /** How many of the store's events the watch has seen. */
  #seen = 0;

  constructor(store: ModelStore, recipe: Machine<RecipeEvent, Effect>) {
    this.#store = store;
    this.#recipe = recipe;
  }

  get call(): MemberRequest | undefined {
    return this.#call;
  }

  get watching(): WatchTarget | undefined {
    return this.#watch;
  }

  step(event: RecipeEvent): void {
    for (const effect of this.#recipe.step(event, 0)) {
      const own = effect as unknown as RecipeEffect;
      if (own.kind === 'call') {
        if (this.#call !== undefined) throw new Error('a recipe makes one call at a time');
        this.#call = own.request;
      } else if (own.kind === 'watch') {
        if (this.#watch !== undefined) throw new Error('a recipe has one watch at a time');
        this.#watch = own.target;
        this.#seen = 0;
      } else if (own.kind === 'unwatch') {
        if (this.#watch === undefined) throw new Error('a recipe closes the watch that it has opened');
        this.#watch = undefined;
      } else {
        this.said.push(effect as Exclude<Effect, RecipeEffect>);
      }
    }
  }

  /** The call under way ends. */
  end(fate: Fate): void {
    const request = this.#call;
    if (request === undefined) return;
    this.#call = undefined;
    this.step({ kind: 'answered', outcome: this.#outcome(request, fate) });
  }

  /** What an earlier call left on its way arrives. */
  arrive(): void {
    if (this.#late !== undefined) this.#store.answer(this.#late);
    this.#late = undefined;
  }

  /** The watch tells what it has not told yet. */
  tell(): void {
    const target = this.#watch;
    if (target === undefined) return;
    const events = this.#store.events.slice(this.#seen).filter(({ kv, type }) => {
      const filtered = target.filters.includes(type === 0 ? watchFilters.noPut : watchFilters.noDelete);
      return !filtered && matches(target, kv?.key ?? '') && (kv?.modRevision ?? 0) >= target.startRevision;
    });
    this.#seen = this.#store.events.length;
    this.step({ kind: 'watched', batch: { revision: this.#store.revision, events } });
  }

  compacted(): void {
    if (this.#watch === undefined) return;
    this.#watch = undefined;
    this.step({ kind: 'watchEnded', end: { kind: 'compacted', compactRevision: this.#store.revision } });
  }

  /** Everything that can happen to it alone happens. */
  run(): void {
    for (let turn = 0; turn < 20; turn += 1) {
      this.arrive();
      this.end('answered');
      this.tell();
    }
  }

  #outcome(request: MemberRequest, fate: Fate): ClientOutcome {
    switch (fate) {
      case 'answered': {
        const response = this.#store.answer(request);
        return response.kind === 'refused'
          ? { kind: 'refused', refusal: response }
          : { kind: 'answered', response };
      }
      case 'failed':
        return { kind: 'failed', reason: 'no time was left' };
      case 'unknownDone':
        this.#store.answer(request);
        break;
      case 'unknownLater':
        this.#late = request;
        break;
      case 'unknownNever':
        break;
    }
    return { kind: 'unknown', reason: 'connection lost' };
  }
}
