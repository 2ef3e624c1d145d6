import { type ReplyEffect } from '../../base/effects.ts';
import { type TickEvent, type WallClockEvent } from '../../base/machine.ts';
import { type AgentRequest, type AgentResponse } from '../agent-protocol.ts';
import { type Caller, type PlasmaRequest, type PlasmaResponse } from '../api.ts';
import { type StorageRequest, type StorageResponse } from '../storage-protocol.ts';

/** What a server of the control plane is asked, by users and by agents, and what it answers. */
export interface ControlPlaneRequest {
  readonly caller: Caller;
  readonly call: ControlPlaneCall;
}

export type ControlPlaneCall =
  /** Answered with a `PlasmaResponse`. */
  | { readonly service: 'user'; readonly request: PlasmaRequest }
  /** Answered with an `AgentResponse`. */
  | { readonly service: 'agent'; readonly request: AgentRequest }
  /** Of the server's own process, which is about to end: answered with `left` when another one may lead. No wire carries it. */
  | { readonly service: 'server'; readonly request: { readonly kind: 'leave' } };

export type ControlPlaneResponse = PlasmaResponse | AgentResponse | { readonly kind: 'left' };

/** A lease of the store, by its number in decimal digits: opaque here. */
export type KvLease = string;

/** Keys and values are ASCII text. */
export interface KvRow {
  readonly key: string;
  readonly value: string;
  /** Of the store: when the key was put while it was not there. */
  readonly createRevision: number;
}

/** All that is listed must hold. */
export type KvCompare =
  | { readonly kind: 'absent'; readonly key: string }
  | { readonly kind: 'createRevision'; readonly key: string; readonly equals: number }
  | { readonly kind: 'value'; readonly key: string; readonly equals: string };

export type KvChange =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease?: KvLease }
  | { readonly kind: 'delete'; readonly key: string };

/**
 * What the control plane has the store do; `core/cloud` maps it to the client machine of Chainfire. Each `kvId` is answered once
 * by `kvAnswered`, at the latest when `timeoutUs` has passed.
 */
export type KvEffect =
  /** Changes all when all compares hold, else nothing; then answers with what `otherwiseRead` lists, in its order. */
  | {
      readonly kind: 'kvTxn';
      readonly kvId: number;
      readonly compares: readonly KvCompare[];
      readonly changes: readonly KvChange[];
      readonly otherwiseRead: readonly string[];
      readonly timeoutUs: number;
    }
  /** The newest there is, surely: linearizable. `revision` 0: the present. `end` undefined: the one key. */
  | {
      readonly kind: 'kvRange';
      readonly kvId: number;
      readonly key: string;
      readonly end: string | undefined;
      readonly revision: number;
      readonly limit: number;
      readonly timeoutUs: number;
    }
  | {
      readonly kind: 'kvLeaseGrant';
      readonly kvId: number;
      readonly ttlSeconds: number;
      readonly timeoutUs: number;
    }
  /** Keep it alive until it is revoked or reported as lost. `sentUs`: when its grant was asked for. */
  | {
      readonly kind: 'kvLeaseKeep';
      readonly lease: KvLease;
      readonly ttlSeconds: number;
      readonly sentUs: number;
    }
  /** Keep it alive no longer, and end it, where the store is reached. Not answered. */
  | { readonly kind: 'kvLeaseRevoke'; readonly lease: KvLease };

export type KvOutcome =
  /** `revision`: of the store, that of the changes where they were made. */
  | {
      readonly kind: 'txn';
      readonly succeeded: boolean;
      readonly revision: number;
      /** Of what was to be read otherwise: what there is of it. */
      readonly rows: readonly KvRow[];
    }
  | {
      readonly kind: 'range';
      readonly rows: readonly KvRow[];
      readonly more: boolean;
      readonly revision: number;
    }
  | { readonly kind: 'leaseGranted'; readonly lease: KvLease; readonly ttlSeconds: number }
  /** Surely not done, and never will be. */
  | { readonly kind: 'failed'; readonly reason: string }
  /** It may have been done, or may yet be. Never said of a read. */
  | { readonly kind: 'unknown'; readonly reason: string };

export type KvEvent =
  | { readonly kind: 'kvAnswered'; readonly kvId: number; readonly outcome: KvOutcome }
  /** One that was to be kept is gone, or may be. */
  | { readonly kind: 'kvLeaseLost'; readonly lease: KvLease; readonly reason: string };

/** What the storage node is asked; each call is answered once, at the latest when `timeoutUs` has passed. */
export interface StorageCall {
  readonly kind: 'callStorage';
  readonly callId: number;
  readonly request: StorageRequest;
  readonly timeoutUs: number;
}

export type StorageCallEvent =
  | { readonly kind: 'storageAnswered'; readonly callId: number; readonly response: StorageResponse }
  /** Whether it was done is not known. */
  | { readonly kind: 'storageFailed'; readonly callId: number; readonly reason: string };

export type ControlPlaneEvent =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: ControlPlaneRequest }
  /** Nobody waits for the answer any more. What was decided for it may still be committed. */
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | KvEvent
  | StorageCallEvent;

export type ControlPlaneEffect = ReplyEffect<ControlPlaneResponse> | KvEffect | StorageCall;
