import { type TickEvent } from '../../base/machine.ts';
import { type Event, type WatchCreateRequest, type WatchRequest, type WatchResponse } from '../api/watch.ts';
import { type MemberRefusal, type MemberRequest, type MemberResponse } from '../member-protocol.ts';

/**
 * The client machine: which endpoint to ask, how long, when to try another, and what to say when nobody knows. Wrapped by
 * the public client library, by the command line, by other systems and by the simulator's clients.
 */
export interface ClientConfig {
  /** Endpoints are named by position 0 … endpoints − 1. */
  readonly endpoints: number;
  /** One attempt waits this long at most. */
  readonly attemptTimeoutUs: number;
  readonly retryBackoffMinUs: number;
  readonly retryBackoffMaxUs: number;
  /** Calls under way; beyond it a call fails at once. */
  readonly callsMax: number;
  /** Watches and kept leases at once; beyond it a new one ends at once. */
  readonly watchesMax: number;
  readonly leasesMax: number;
  /**
   * A stream on which nothing comes, an answer to a request for progress included, for this long is opened again, at another
   * endpoint. Doubled with each stream in a row that set its watches up and then told nothing.
   */
  readonly streamSilenceUsMax: number;
  /** Events of one revision that come to more end the watch: it is delivered whole, so it must fit into memory. */
  readonly revisionBytesMax: number;
}

/** What is watched. `startRevision` 0: from the moment at which a member has set it up. */
export type WatchTarget = Pick<
  WatchCreateRequest,
  'key' | 'rangeEnd' | 'startRevision' | 'prevKv' | 'filters' | 'progressNotify'
>;

/**
 * What a watch tells, in order: every revision once and whole, none left out, however often the stream behind it was lost.
 * `revision`: everything up to it has been delivered. No events: progress only (or the watch has been set up).
 */
export interface WatchBatch {
  readonly revision: number;
  readonly events: readonly Event[];
}

/** Why a watch ends without having been closed. */
export type WatchEnd =
  /** What comes next has been compacted: read the present, then watch from its revision. */
  | { readonly kind: 'compacted'; readonly compactRevision: number }
  | { readonly kind: 'refused'; readonly reason: string };

export type ClientEvent =
  | TickEvent
  | {
      readonly kind: 'called';
      readonly callId: number;
      readonly request: MemberRequest;
      readonly timeoutUs: number;
    }
  | { readonly kind: 'answered'; readonly attemptId: number; readonly response: MemberResponse }
  /** The transport gave up. `reached: 'no'` promises that no member has seen the request. */
  | {
      readonly kind: 'attemptFailed';
      readonly attemptId: number;
      readonly reached: 'no' | 'maybe';
      readonly reason: string;
    }
  /** Watch, and go on watching from where it was whenever a stream breaks. Ids are the caller's. */
  | { readonly kind: 'watchOpened'; readonly watchId: number; readonly target: WatchTarget }
  | { readonly kind: 'watchClosed'; readonly watchId: number }
  /** The caller's buffer is full: deliver no more. The others of the stream go on. */
  | { readonly kind: 'watchPaused'; readonly watchId: number }
  /** Go on behind what was delivered. */
  | { readonly kind: 'watchResumed'; readonly watchId: number }
  /** Keep a lease alive that was granted at `grantedUs` (when the request was sent), until it is released or lost. */
  | {
      readonly kind: 'leaseKept';
      readonly leaseId: bigint;
      readonly ttlSeconds: number;
      readonly grantedUs: number;
    }
  | { readonly kind: 'leaseReleased'; readonly leaseId: bigint }
  | { readonly kind: 'streamReceived'; readonly streamId: number; readonly response: WatchResponse }
  | {
      readonly kind: 'streamFailed';
      readonly streamId: number;
      readonly reason: string;
      /** The endpoint does not serve such streams to this client, and trying again will not change that: the watches end. */
      readonly permanent?: boolean;
    };

export type ClientEffect =
  | {
      readonly kind: 'attempt';
      readonly attemptId: number;
      readonly endpoint: number;
      readonly request: MemberRequest;
      readonly timeoutUs: number;
    }
  /** Nobody waits for this attempt any more; an answer that still comes is ignored. */
  | { readonly kind: 'abandon'; readonly attemptId: number }
  | { readonly kind: 'completed'; readonly callId: number; readonly outcome: ClientOutcome }
  | { readonly kind: 'openStream'; readonly streamId: number; readonly endpoint: number }
  | { readonly kind: 'streamSend'; readonly streamId: number; readonly request: WatchRequest }
  /** Nothing that still comes of it counts. `reason`: what was wrong with it, when it was given up. */
  | { readonly kind: 'closeStream'; readonly streamId: number; readonly reason?: string }
  | { readonly kind: 'watchDelivered'; readonly watchId: number; readonly batch: WatchBatch }
  | { readonly kind: 'watchEnded'; readonly watchId: number; readonly end: WatchEnd }
  /** Acknowledged: the lease lives until `sentUs` + its time to live at least, when the request was sent at `sentUs`. */
  | {
      readonly kind: 'leaseRenewed';
      readonly leaseId: bigint;
      readonly ttlSeconds: number;
      readonly sentUs: number;
    }
  /** It is gone, or can no longer be relied on: its time has passed since the last acknowledged request was sent. */
  | { readonly kind: 'leaseLost'; readonly leaseId: bigint; readonly reason: string };

/**
 * `failed`: surely not done. `unknown`: may have been done, or may yet be; never retried by the machine unless the request
 * is a read.
 */
export type ClientOutcome =
  | { readonly kind: 'answered'; readonly response: Exclude<MemberResponse, MemberRefusal> }
  | { readonly kind: 'refused'; readonly refusal: MemberRefusal }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };
