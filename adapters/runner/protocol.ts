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
} from '../../core/base/effects.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { type TickEvent, type WallClockEvent } from '../../core/base/machine.ts';

/** What goes over the streams of a machine. */
export interface StreamTypes {
  /** What a stream is for, said when it opens. */
  readonly opening: unknown;
  /** From the client. */
  readonly request: unknown;
  /** To the client. */
  readonly item: unknown;
  /** Why the machine ends a stream. */
  readonly refusal: unknown;
}

/** Of a machine without streams. */
export interface NoStreams extends StreamTypes {
  readonly opening: never;
  readonly request: never;
  readonly item: never;
  readonly refusal: never;
}

export type StreamEvent<Types extends StreamTypes> =
  | { readonly kind: 'streamOpened'; readonly streamId: number; readonly stream: Types['opening'] }
  | { readonly kind: 'streamReceived'; readonly streamId: number; readonly request: Types['request'] }
  | { readonly kind: 'streamDrained'; readonly streamId: number; readonly bytes: number }
  | { readonly kind: 'streamClosed'; readonly streamId: number };

/** What a machine has done by ports of its own: hypervisors, other systems' clients. */
export interface PortTypes {
  readonly act: unknown;
  /** What is told of acts. */
  readonly report: unknown;
}

/** Of a machine without ports of its own. */
export interface NoPorts extends PortTypes {
  readonly act: never;
  readonly report: never;
}

/** What the runner steps. A system's own event type is this with its types put in, or wider. */
export type RunnerEvent<
  Request,
  Message,
  Header,
  Types extends StreamTypes = NoStreams,
  Ports extends PortTypes = NoPorts,
> =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'received'; readonly from: NodeId; readonly messages: readonly Message[] }
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'stored'; readonly storeSeq: number }
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: Request }
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | StreamEvent<Types>
  | {
      readonly kind: 'snapshotReceived';
      readonly from: NodeId;
      readonly stageId: number;
      readonly header: Header;
    }
  | { readonly kind: 'snapshotSent'; readonly to: NodeId }
  | { readonly kind: 'snapshotFailed'; readonly to: NodeId }
  | { readonly kind: 'acted'; readonly report: Ports['report'] };

/** What the runner carries out. */
export type RunnerEffect<
  Response,
  Message,
  Header,
  Types extends StreamTypes = NoStreams,
  Ports extends PortTypes = NoPorts,
> =
  | PersistEffect
  | SendEffect<Message>
  | ReplyEffect<Response>
  | ActEffect<Ports['act']>
  | RemoveSegmentsEffect
  | CutSegmentsEffect
  | SendSnapshotEffect<Header>
  | NotifyEffect<Types['item']>
  | EndStreamEffect<Types['refusal']>
  | StopEffect;

/** Why the runner stopped without being asked to. The process must end: none of these is ever retried. */
export type RunnerFailure =
  /** The machine asked for it: removed from its cluster, or its data cannot be trusted. */
  | { readonly kind: 'machineStopped'; readonly reason: string }
  /** The machine threw: the program is wrong. */
  | { readonly kind: 'machineFailed'; readonly reason: string; readonly cause: unknown }
  /** Appends could not be made durable, or files not be cut or removed. */
  | { readonly kind: 'syncFailed'; readonly reason: string }
  | { readonly kind: 'storeFailed'; readonly reason: string; readonly cause: unknown };
