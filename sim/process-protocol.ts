import {
  type ActEffect,
  type CutSegmentsEffect,
  type EndStreamEffect,
  type NotifyEffect,
  type PersistEffect,
  type RemoveSegmentsEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
  type StopEffect,
} from '../core/base/effects.ts';
import { type NodeId } from '../core/base/ids.ts';
import { type Machine, type TickEvent, type WallClockEvent } from '../core/base/machine.ts';

/** What a system's machine adds to the events and effects that every runner understands. */
export interface ProcessTypes {
  /** From clients, and to them. */
  readonly request: object;
  readonly response: unknown;
  /** Between machines. */
  readonly message: unknown;
  /** What a snapshot is named by. */
  readonly header: unknown;
  /** What it has done by other ports, and what is told of it. */
  readonly act: unknown;
  readonly report: unknown;
  readonly stream: {
    /** What a stream is for, said when it opens. */
    readonly opening: unknown;
    readonly request: unknown;
    readonly item: unknown;
    /** Why the machine ends a stream. */
    readonly refusal: unknown;
  };
}

/** Of a machine without streams. */
export interface NoStreams {
  readonly opening: never;
  readonly request: never;
  readonly item: never;
  readonly refusal: never;
}

/** What a process steps its machine with; the production runner's are the same (adapters/runner/protocol.ts). */
export type ProcessEvent<T extends ProcessTypes> =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'received'; readonly from: NodeId; readonly messages: readonly T['message'][] }
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'stored'; readonly storeSeq: number }
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: T['request'] }
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | {
      readonly kind: 'streamOpened';
      readonly streamId: number;
      readonly stream: T['stream']['opening'];
    }
  | {
      readonly kind: 'streamReceived';
      readonly streamId: number;
      readonly request: T['stream']['request'];
    }
  | { readonly kind: 'streamDrained'; readonly streamId: number; readonly bytes: number }
  | { readonly kind: 'streamClosed'; readonly streamId: number }
  | {
      readonly kind: 'snapshotReceived';
      readonly from: NodeId;
      readonly stageId: number;
      readonly header: T['header'];
    }
  | { readonly kind: 'snapshotSent'; readonly to: NodeId }
  | { readonly kind: 'snapshotFailed'; readonly to: NodeId }
  | { readonly kind: 'acted'; readonly report: T['report'] };

/** What a process carries out. */
export type ProcessEffect<T extends ProcessTypes> =
  | PersistEffect
  | SendEffect<T['message']>
  | ReplyEffect<T['response']>
  | ActEffect<T['act']>
  | RemoveSegmentsEffect
  | CutSegmentsEffect
  | SendSnapshotEffect<T['header']>
  | NotifyEffect<T['stream']['item']>
  | EndStreamEffect<T['stream']['refusal']>
  | StopEffect;

export type ProcessMachine<T extends ProcessTypes> = Machine<ProcessEvent<T>, ProcessEffect<T>>;
