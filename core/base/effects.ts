import { type NodeId } from './ids.ts';

/**
 * The effects that both runners understand, whatever the system. A system's machine adds nothing to them but the types
 * of its messages, responses and stream items.
 *
 * The contract of a runner, the same in both worlds:
 * 1. It handles the effects of a step in order, before the next step of the same machine.
 * 2. `persist` appends now and starts a sync when none is in flight; one round is in flight, the next accumulates. When a
 *    round ends, `synced` is stepped with the highest `syncSeq` whose every append it covered. A failed sync stops the
 *    process; it is never retried.
 * 3. A `send`, `reply` or `act` with `afterSyncSeq` above the last reported `synced` is held until then. Others leave at once.
 * 4. `removeSegments` happens after every earlier append is durable.
 * 5. `cutSegments` happens at once, in its order, whatever sync is in flight; it is durable before the next effect.
 */
export interface SegmentAppend {
  /** Name of the segment file; it is created when it does not exist. */
  readonly file: string;
  readonly bytes: Uint8Array;
}

export interface PersistEffect {
  readonly kind: 'persist';
  /** Strictly increasing within a machine's life. */
  readonly syncSeq: number;
  readonly appends: readonly SegmentAppend[];
}

export interface SendEffect<Message> {
  readonly kind: 'send';
  readonly to: NodeId;
  /** What one step has to say to one peer, coalesced. Messages may be lost, doubled and reordered on the way. */
  readonly messages: readonly Message[];
  /** 0: not gated. */
  readonly afterSyncSeq: number;
}

export interface ReplyEffect<Response> {
  readonly kind: 'reply';
  readonly requestId: number;
  readonly response: Response;
  /** 0: not gated. */
  readonly afterSyncSeq: number;
}

export interface RemoveSegmentsEffect {
  readonly kind: 'removeSegments';
  readonly files: readonly string[];
}

/** Takes back the end of files: the log of a replica that went another way than its leader's. */
export interface CutSegmentsEffect {
  readonly kind: 'cutSegments';
  readonly cuts: readonly SegmentCut[];
}

export interface SegmentCut {
  readonly file: string;
  /** What lies at it or behind it goes, appends that were never synced included. 0 removes the file. */
  readonly lengthBytes: number;
}

/**
 * Hand an item to the client of a stream (a watch, a console). The machine counts what it has handed over and the runner
 * has not reported as `streamDrained`, and stops producing for a stream that is full.
 */
export interface NotifyEffect<Item> {
  readonly kind: 'notify';
  readonly streamId: number;
  readonly item: Item;
  /** What the item counts for in the stream's bound; comes back in `streamDrained`. */
  readonly bytes: number;
}

/** The machine's end of a stream: nothing is notified behind it. Undefined: a good end. */
export interface EndStreamEffect<Refusal> {
  readonly kind: 'endStream';
  readonly streamId: number;
  readonly refusal: Refusal | undefined;
}

/**
 * Stream the store as `viewId` shows it to a peer, in chunks, and close the view at the end. The runner then steps
 * `snapshotSent` or `snapshotFailed`. The other side stages it and steps `snapshotReceived`.
 */
export interface SendSnapshotEffect<Header> {
  readonly kind: 'sendSnapshot';
  readonly to: NodeId;
  readonly viewId: number;
  readonly header: Header;
}

/**
 * Something to be done by a port that is not the network between nodes: a hypervisor, another system's client, a storage node.
 * Acts are handed over in order; what comes of them is stepped as `acted`, in whatever order it comes, or never.
 */
export interface ActEffect<Act> {
  readonly kind: 'act';
  readonly act: Act;
  /** 0: not gated. */
  readonly afterSyncSeq: number;
}

/** The node must not go on: removed from its cluster, or its data cannot be trusted. Carries what a human is told. */
export interface StopEffect {
  readonly kind: 'stop';
  readonly reason: string;
}
