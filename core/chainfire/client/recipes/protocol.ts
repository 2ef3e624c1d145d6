import { type KeyValue, type ResponseHeader } from '../../api/kv.ts';
import { type MemberRefusal, type MemberRequest } from '../../member-protocol.ts';
import { type ClientOutcome, type WatchBatch, type WatchEnd, type WatchTarget } from '../protocol.ts';

/**
 * A recipe is a pure machine over calls and watches: whoever drives it makes the call that it asks for and steps its outcome,
 * opens the one watch that it asks for and steps what that tells. There is at most one call under way and one watch open.
 * The same recipes serve the client library, the command line, the member's own services and the simulated clients.
 */
export type RecipeEvent =
  /** Once, at first. */
  | { readonly kind: 'begun' }
  /** What became of the call. */
  | { readonly kind: 'answered'; readonly outcome: ClientOutcome }
  | { readonly kind: 'watched'; readonly batch: WatchBatch }
  /** The watch is gone by itself. */
  | { readonly kind: 'watchEnded'; readonly end: WatchEnd }
  /** Nobody wants it any more. Its own key is removed before `failed`; after `acquired` it means nothing. */
  | { readonly kind: 'cancelled' };

export type RecipeEffect =
  | { readonly kind: 'call'; readonly request: MemberRequest }
  | { readonly kind: 'watch'; readonly target: WatchTarget }
  /** Close the watch: nothing that it still tells counts. */
  | { readonly kind: 'unwatch' };

/** The end of a lock's or a campaign's waiting: one of the two comes, once. */
export type QueueEffect =
  | RecipeEffect
  | {
      readonly kind: 'acquired';
      /** Held for as long as it exists. */
      readonly key: string;
      /** Create revision of the key, the fencing token: it rises from holder to holder. */
      readonly revision: number;
      /** Of the answer that showed it. */
      readonly header: ResponseHeader | undefined;
    }
  | ({ readonly kind: 'failed' } & RecipeFailure);

/** Who leads, as it changes. */
export type ObserveEffect =
  | RecipeEffect
  | { readonly kind: 'led'; readonly leader: KeyValue; readonly header: ResponseHeader | undefined }
  /** Nobody does. */
  | { readonly kind: 'vacant' }
  | ({ readonly kind: 'failed' } & RecipeFailure);

export interface RecipeFailure {
  readonly why:
    | 'cancelled'
    /** The own key is gone while waiting: its lease has ended, or somebody deleted it. */
    | 'sessionLost'
    /** A member refused a call or a watch. */
    | 'refused'
    /** A call was surely not done. */
    | 'failed'
    /** Nobody knows whether the own key exists: it does until its lease ends, at worst. */
    | 'unknown';
  readonly reason: string;
  /** With `refused`, when it was a call. */
  readonly refusal: MemberRefusal | undefined;
}
