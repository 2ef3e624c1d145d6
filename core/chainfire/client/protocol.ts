import { type TickEvent } from '../../base/machine.ts';
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
}

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
  | { readonly kind: 'completed'; readonly callId: number; readonly outcome: ClientOutcome };

/**
 * `failed`: surely not done. `unknown`: may have been done, or may yet be; never retried by the machine unless the request
 * is a read.
 */
export type ClientOutcome =
  | { readonly kind: 'answered'; readonly response: Exclude<MemberResponse, MemberRefusal> }
  | { readonly kind: 'refused'; readonly refusal: MemberRefusal }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'unknown'; readonly reason: string };
