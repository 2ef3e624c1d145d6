import {
  type PersistEffect,
  type RemoveSegmentsEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
  type StopEffect,
} from '../../core/base/effects.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type TickEvent } from '../../core/base/machine.ts';

/** What the runner steps. A system's own event type is this with its types put in, or wider. */
export type RunnerEvent<Request, Message, Header> =
  | TickEvent
  | { readonly kind: 'received'; readonly from: NodeId; readonly messages: readonly Message[] }
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'stored'; readonly storeSeq: number }
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: Request }
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | {
      readonly kind: 'snapshotReceived';
      readonly from: NodeId;
      readonly stageId: number;
      readonly header: Header;
    }
  | { readonly kind: 'snapshotSent'; readonly to: NodeId }
  | { readonly kind: 'snapshotFailed'; readonly to: NodeId };

/** What the runner carries out. */
export type RunnerEffect<Response, Message, Header> =
  | PersistEffect
  | SendEffect<Message>
  | ReplyEffect<Response>
  | RemoveSegmentsEffect
  | SendSnapshotEffect<Header>
  | StopEffect;

/** Why the runner stopped without being asked to. The process must end: none of these is ever retried. */
export type RunnerFailure =
  /** The machine asked for it: removed from its cluster, or its data cannot be trusted. */
  | { readonly kind: 'machineStopped'; readonly reason: string }
  /** The machine threw: the program is wrong. */
  | { readonly kind: 'machineFailed'; readonly reason: string; readonly cause: unknown }
  /** Appends could not be made durable, or files not be removed. */
  | { readonly kind: 'syncFailed'; readonly reason: string }
  | { readonly kind: 'storeFailed'; readonly reason: string; readonly cause: unknown };
