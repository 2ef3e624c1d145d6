import { Cancellation } from '../../runner/cancellation.ts';
import { type Machine } from '../../../core/base/machine.ts';
import { type ResponseHeader } from '../../../core/chainfire/api/kv.ts';
import {
  Event,
  WatchCreateRequest,
  WatchRequest,
  type WatchResponse,
} from '../../../core/chainfire/api/watch.ts';
import {
  type ClientOutcome,
  type WatchEnd,
  type WatchTarget,
} from '../../../core/chainfire/client/protocol.ts';
import { type RecipeEffect, type RecipeEvent } from '../../../core/chainfire/client/recipes/protocol.ts';
import { type MemberRequest, type MemberResponse } from '../../../core/chainfire/member-protocol.ts';
import { type StatusError } from '../status.ts';
import { type MemberPort, type WatchStream } from './member-port.ts';

/** A recipe's own effects: whatever it does not ask its driver to do. */
export type OutcomeOf<Effect extends { readonly kind: string }> = Exclude<Effect, RecipeEffect>;

/**
 * Runs a recipe on a member's behalf: its calls are requests of this member, its watches streams of it. A recipe is bounded
 * in itself, with one call or one watch at a time; its calls end by the member's own time-out, so that a client that leaves
 * can be cleaned up after.
 */
export class RecipeDriver<Effect extends { readonly kind: string }> {
  readonly #member: MemberPort;
  readonly #recipe: Machine<RecipeEvent, Effect | RecipeEffect>;
  readonly #onOutcome: (outcome: OutcomeOf<Effect>) => void;
  readonly #isBusy: () => boolean;
  #watch: WatchStream | undefined;
  /** Of the watch, and not reported as drained: the consumer of outcomes is busy. */
  #heldBytes = 0;
  #lastHeader: ResponseHeader | undefined;
  /** What the transport to the member said last, when it was not the member that answered. */
  #lastStatus: StatusError | undefined;

  /** @param options.isBusy while it says so, the watch counts as not drained, and the member holds back */
  constructor(
    member: MemberPort,
    recipe: Machine<RecipeEvent, Effect | RecipeEffect>,
    options: {
      readonly onOutcome: (outcome: OutcomeOf<Effect>) => void;
      readonly isBusy?: () => boolean;
    },
  ) {
    this.#member = member;
    this.#recipe = recipe;
    this.#onOutcome = options.onOutcome;
    this.#isBusy = options.isBusy ?? (() => false);
  }

  /** The newest header that the member has given. */
  get lastHeader(): ResponseHeader | undefined {
    return this.#lastHeader;
  }

  get lastStatus(): StatusError | undefined {
    return this.#lastStatus;
  }

  begin(): void {
    this.#step({ kind: 'begun' });
  }

  cancel(): void {
    this.#step({ kind: 'cancelled' });
  }

  /** The consumer has caught up. */
  relieved(): void {
    const bytes = this.#heldBytes;
    this.#heldBytes = 0;
    if (bytes > 0) this.#watch?.drained(bytes);
  }

  #step(event: RecipeEvent): void {
    // Recipes keep no time.
    for (const effect of this.#recipe.step(event, 0)) this.#handle(effect);
  }

  #handle(effect: Effect | RecipeEffect): void {
    if (isCall(effect)) {
      void this.#call(effect.request).then((outcome) => this.#step({ kind: 'answered', outcome }));
    } else if (isWatch(effect)) {
      this.#openWatch(effect.target);
    } else if (effect.kind === 'unwatch') {
      this.#closeWatch();
    } else {
      this.#onOutcome(effect as OutcomeOf<Effect>);
    }
  }

  async #call(request: MemberRequest): Promise<ClientOutcome> {
    try {
      const response = await this.#member.request(request, new Cancellation());
      if (response.kind !== 'refused') this.#lastHeader = headerOf(response) ?? this.#lastHeader;
      return outcomeOf(response);
    } catch (error) {
      this.#lastStatus = error as StatusError;
      return { kind: 'unknown', reason: (error as Error).message };
    }
  }

  #openWatch(target: WatchTarget): void {
    this.#heldBytes = 0;
    try {
      const stream = this.#member.openWatchStream(
        { kind: 'watch', requireLeader: false },
        {
          item: (response, bytes) => {
            this.#onWatchResponse(response);
            if (stream !== this.#watch) return;
            if (this.#isBusy()) this.#heldBytes += bytes;
            else stream.drained(bytes);
          },
          ended: (status) => {
            this.#lastStatus = status;
            this.#endWatch({ kind: 'refused', reason: status?.message ?? 'the watch has ended' });
          },
        },
      );
      this.#watch = stream;
      void stream.send(WatchRequest.create({ create: WatchCreateRequest.create(target) }));
    } catch (error) {
      this.#lastStatus = error as StatusError;
      const reason = (error as Error).message;
      // Later: a recipe is stepped again only when its step is over.
      queueMicrotask(() => this.#step({ kind: 'watchEnded', end: { kind: 'refused', reason } }));
    }
  }

  #onWatchResponse(response: WatchResponse): void {
    this.#lastHeader = response.header ?? this.#lastHeader;
    if (response.canceled) {
      const { compactRevision, cancelReason } = response;
      this.#endWatch(
        compactRevision > 0
          ? { kind: 'compacted', compactRevision }
          : { kind: 'refused', reason: cancelReason === '' ? 'the watch was cancelled' : cancelReason },
      );
      return;
    }
    const events = response.events.map((event) => Event.decode(event));
    this.#step({ kind: 'watched', batch: { revision: response.header?.revision ?? 0, events } });
  }

  #endWatch(end: WatchEnd): void {
    this.#closeWatch();
    this.#step({ kind: 'watchEnded', end });
  }

  #closeWatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }
}

function isCall(effect: {
  readonly kind: string;
}): effect is Extract<RecipeEffect, { readonly kind: 'call' }> {
  return effect.kind === 'call';
}

function isWatch(effect: {
  readonly kind: string;
}): effect is Extract<RecipeEffect, { readonly kind: 'watch' }> {
  return effect.kind === 'watch';
}

function outcomeOf(response: MemberResponse): ClientOutcome {
  if (response.kind !== 'refused') return { kind: 'answered', response };
  switch (response.code) {
    case 'TIMEOUT':
    case 'LEADER_CHANGED':
      return { kind: 'unknown', reason: response.message };
    default:
      return { kind: 'refused', refusal: response };
  }
}

function headerOf(response: MemberResponse): ResponseHeader | undefined {
  return response.kind === 'refused' ? undefined : response.response.header;
}
