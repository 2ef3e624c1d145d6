import { type NodeId } from '../../core/base/ids.ts';
import { type KeyValue } from '../../core/chainfire/api/kv.ts';
import {
  Event,
  eventTypes,
  everyWatch,
  type WatchCreateRequest,
  watchFilters,
  type WatchResponse,
} from '../../core/chainfire/api/watch.ts';
import { type WatchTarget } from '../../core/chainfire/client/protocol.ts';
import { type Checker, type RunEnd, type StepObservation, type WatchLog } from '../types.ts';
import { isInRange } from './kv-state.ts';
import { isDeletion, type Truth } from './truth.ts';

/** What one watch was told, by a member on a stream or by the client machine to its caller. */
export interface WatchFeed {
  readonly who: string;
  readonly target: WatchTarget;
  /** The first revision that it is owed; undefined: it was never set up. */
  readonly from: number | undefined;
  readonly deliveries: readonly FeedDelivery[];
  /** It was ended since what it wanted next was compacted. */
  readonly compacted: { readonly atUs: number; readonly revision: number } | undefined;
}

export interface FeedDelivery {
  readonly atUs: number;
  /** Everything up to here was delivered, this included; unless more of the last event's revision follows. */
  readonly revision: number;
  readonly events: readonly Event[];
  readonly moreFollows: boolean;
}

/** Every watch of a run, those of clients and those of members. */
export function allFeeds(end: RunEnd, members: MemberFeeds): readonly WatchFeed[] {
  return [...members.feeds, ...end.watches.map(feedOfLog)];
}

export function feedOfLog(log: WatchLog): WatchFeed {
  const [first] = log.deliveries;
  const { startRevision } = log.target;
  return {
    who: `watch ${log.watchId} of client ${log.client}`,
    target: log.target,
    from: startRevision > 0 ? startRevision : first === undefined ? undefined : first.batch.revision + 1,
    deliveries: log.deliveries.map(({ atUs, batch }) => ({ atUs, ...batch, moreFollows: false })),
    compacted:
      log.end?.kind === 'compacted'
        ? { atUs: log.deliveries.at(-1)?.atUs ?? log.openedUs, revision: log.end.compactRevision }
        : undefined,
  };
}

/** The rows of a revision that a watch is to be told of, in no order. */
export function owedRows(target: WatchTarget, truth: Truth, revision: number): readonly KeyValue[] {
  const rows = truth.changeAt(revision)?.rows ?? [];
  return rows.filter((row) => isWanted(target, row));
}

export function isWanted(target: WatchTarget, row: KeyValue): boolean {
  const filter = isDeletion(row) ? watchFilters.noDelete : watchFilters.noPut;
  const key = target.key === '' ? '\0' : target.key;
  return isInRange(row.key, key, target.rangeEnd) && !target.filters.includes(filter);
}

export function revisionOf(event: Event): number {
  return event.kv?.modRevision ?? 0;
}

export function describeEvent(event: Event): string {
  const what = event.type === eventTypes.delete ? 'deletion' : 'put';
  return `the ${what} of ${event.kv?.key ?? 'nothing'} at revision ${revisionOf(event)}`;
}

interface OpenFeed extends WatchFeed {
  readonly deliveries: FeedDelivery[];
  compacted: WatchFeed['compacted'];
}

interface OpenStream {
  readonly node: NodeId;
  /** Asked for and not yet answered, in order. */
  readonly creations: WatchCreateRequest[];
  readonly feeds: Map<number, OpenFeed>;
}

/**
 * Records what members tell on their streams, before the network or a client machine has made anything of it. A member's
 * end of a stream dies with its process.
 */
export class MemberFeeds implements Checker {
  readonly name = 'watch-feeds';
  readonly #feeds: OpenFeed[] = [];
  readonly #streams = new Map<number, OpenStream>();
  /** One encoding serves many watches. */
  readonly #decoded = new Map<Uint8Array, Event>();

  get feeds(): readonly WatchFeed[] {
    return this.#feeds;
  }

  onStep({ node, event, effects, nowUs }: StepObservation): void {
    if (event.kind === 'streamOpened') {
      this.#streams.set(event.streamId, { node, creations: [], feeds: new Map() });
    } else if (event.kind === 'streamReceived' && event.request.create !== undefined) {
      this.#streams.get(event.streamId)?.creations.push(event.request.create);
    } else if (event.kind === 'streamClosed') {
      this.#streams.delete(event.streamId);
    }
    for (const effect of effects) {
      if (effect.kind === 'notify') this.#notified(effect.streamId, effect.item, nowUs);
      else if (effect.kind === 'endStream') this.#streams.delete(effect.streamId);
    }
  }

  onCrashed(node: NodeId): void {
    for (const [streamId, stream] of this.#streams) if (stream.node === node) this.#streams.delete(streamId);
  }

  #notified(streamId: number, response: WatchResponse, atUs: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const revision = response.header?.revision ?? 0;
    if (response.created) {
      this.#created(streamId, stream, response, revision);
      return;
    }
    const delivery: FeedDelivery = {
      atUs,
      revision,
      events: response.events.map((bytes) => this.#decode(bytes)),
      moreFollows: response.fragment,
    };
    if (response.watchId === everyWatch) {
      for (const feed of stream.feeds.values()) feed.deliveries.push(delivery);
      return;
    }
    const feed = stream.feeds.get(response.watchId);
    if (feed === undefined) return;
    if (!response.canceled) {
      feed.deliveries.push(delivery);
      return;
    }
    if (response.compactRevision > 0) feed.compacted = { atUs, revision: response.compactRevision };
    stream.feeds.delete(response.watchId);
  }

  #created(streamId: number, stream: OpenStream, response: WatchResponse, revision: number): void {
    const target = stream.creations.shift();
    if (target === undefined || response.canceled) return;
    const feed: OpenFeed = {
      who: `watch ${response.watchId} on stream ${streamId} of member ${stream.node}`,
      target,
      from: target.startRevision > 0 ? target.startRevision : revision + 1,
      deliveries: [],
      compacted: undefined,
    };
    this.#feeds.push(feed);
    stream.feeds.set(response.watchId, feed);
  }

  #decode(bytes: Uint8Array): Event {
    let event = this.#decoded.get(bytes);
    if (event === undefined) this.#decoded.set(bytes, (event = Event.decode(bytes)));
    return event;
  }
}
