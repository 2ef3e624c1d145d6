import { assert, present } from '../../base/assert.ts';
import { type EndStreamEffect, type NotifyEffect } from '../../base/effects.ts';
import { OrderedMap } from '../../base/ordered-map.ts';
import { type StorageBackend } from '../../storage/backend.ts';
import { type ResponseHeader } from '../api/kv.ts';
import { everyWatch, type WatchCreateRequest, type WatchRequest, type WatchResponse } from '../api/watch.ts';
import { type MemberConfig, type MemberRefusal, type MemberStream } from '../member-protocol.ts';
import { type Change } from '../mvcc/change.ts';
import { revisionKey } from '../mvcc/keys.ts';
import { etcdRefusal } from '../refusals.ts';
import { CatchUp, defaultTurnBounds, type TurnBounds } from './catch-up.ts';
import { Cohort } from './cohort.ts';
import { checkCreate } from './create.ts';
import { WatchEvent } from './event.ts';
import { WatchHistory } from './history.ts';
import { type Chunk, chunksOf, fragmentsOf, responseBytes } from './response.ts';
import { Watch, type WatchBucket, type WatchPlace, WatchStream, wantsPrevious } from './stream.ts';

export type HubConfig = Pick<
  MemberConfig,
  'streamBytesMax' | 'watchesPerStreamMax' | 'streamsMax' | 'watchFragmentBytes' | 'watchProgressIntervalUs'
> & { readonly raft: { readonly electionTimeoutUs: number } };
export type HubEffect = NotifyEffect<WatchResponse> | EndStreamEffect<MemberRefusal>;

/** For metrics. */
export interface WatchCounts {
  readonly streams: number;
  readonly watches: number;
  /** Of these, the ones that are not at the present. */
  readonly behind: number;
  /** Events handed over since the start, each as often as there were watches for it. */
  readonly eventsSent: number;
  /** Handed over, and not yet taken by the transport. */
  readonly undrainedBytes: number;
}

/** Answers to requests that a client lets pile up in a stream that is full, at most. */
const answersBeyondMax = 10_000;
/** How long a stream that wants a leader stays without one. */
const leaderlessElections = 3;
/** Idle watches are looked at so often in the time after which they are told of progress. */
const checksPerInterval = 4;

/**
 * Watches: whoever asked for it is told of every change, in order, each revision whole and once.
 *
 * Most watches are at the present. They form one cohort; what a batch of entries changed is matched against it once, and
 * each event is encoded once however many want it. A watch that begins in the past, or whose stream is full, is served from
 * history until it has come to the present: nobody waits for it, and it costs no memory meanwhile.
 *
 * Changes are handed over only when the store has them (`published`), so that live and later watches see the same.
 */
export class WatchHub {
  readonly #config: HubConfig;
  readonly #mvcc: { readonly revision: number; readonly compactRevision: number };
  readonly #answers: { header(revision: number): ResponseHeader };
  readonly #streams = new Map<number, WatchStream>();
  readonly #bounds: TurnBounds;
  readonly #catchUp: CatchUp;
  /** The watches at the present: their cursor is the next revision there will be. */
  #live: Cohort;
  /** Watches that begin later, by the revision at which they do. */
  readonly #future = new OrderedMap<Watch>();
  #futureSeq = 0;
  /** Streams with room again, and watches that wait for it. */
  readonly #resuming = new Set<WatchStream>();
  /** Streams whose question for progress may now have its answer. */
  readonly #progressDue = new Set<WatchStream>();
  /** Watches that want to know of progress, in the order in which they are looked at. */
  readonly #idle = new Set<Watch>();
  readonly #requireLeader = new Set<WatchStream>();
  /** Since when there has been no leader (µs); at first nobody knows of one. */
  #leaderlessUs: number | undefined = 0;
  #compactRevision: number;
  #watches = 0;
  #behind = 0;
  #eventsSent = 0;
  #undrainedBytes = 0;
  #effects: HubEffect[] = [];

  constructor(given: {
    readonly config: HubConfig;
    readonly store: Pick<StorageBackend, 'get' | 'range'>;
    readonly mvcc: { readonly revision: number; readonly compactRevision: number };
    readonly answers: { header(revision: number): ResponseHeader };
    readonly bounds?: TurnBounds;
  }) {
    this.#config = given.config;
    this.#mvcc = given.mvcc;
    this.#answers = given.answers;
    this.#bounds = given.bounds ?? defaultTurnBounds;
    this.#catchUp = new CatchUp(new WatchHistory(given.store), this.#bounds);
    this.#live = new Cohort(given.mvcc.revision + 1);
    this.#compactRevision = given.mvcc.compactRevision;
  }

  /** Somebody wants to be told of changes as they happen. */
  get wantsChanges(): boolean {
    return this.#live.size > 0;
  }

  /** A turn has something to do now. */
  get hasWork(): boolean {
    return !this.#catchUp.isEmpty || this.#resuming.size > 0;
  }

  /** When a turn has something to do although nothing happens. */
  get deadlineUs(): number {
    let deadlineUs = this.#leaderlessEndUs;
    for (const watch of this.#idle) {
      deadlineUs = Math.min(deadlineUs, watch.checkUs);
      break;
    }
    return deadlineUs;
  }

  get counts(): WatchCounts {
    return {
      streams: this.#streams.size,
      watches: this.#watches,
      behind: this.#behind,
      eventsSent: this.#eventsSent,
      undrainedBytes: this.#undrainedBytes,
    };
  }

  /** Groups and tree nodes that changes have looked at since the live watches were last replaced: what matching costs. */
  get lookedAt(): number {
    return this.#live.lookedAt;
  }

  /** What must happen, in order; the caller's. */
  takeEffects(): readonly HubEffect[] {
    const effects = this.#effects;
    if (effects.length > 0) this.#effects = [];
    return effects;
  }

  opened(streamId: number, { requireLeader }: MemberStream): void {
    assert(!this.#streams.has(streamId), 'ids of streams are never used again');
    if (requireLeader && this.#leaderlessUs !== undefined)
      return this.#refuseStream(streamId, etcdRefusal('NO_LEADER'));
    if (this.#streams.size >= this.#config.streamsMax) {
      return this.#refuseStream(streamId, etcdRefusal('TOO_MANY_REQUESTS'));
    }
    const stream = new WatchStream({ id: streamId, requireLeader, bytesMax: this.#config.streamBytesMax });
    this.#streams.set(streamId, stream);
    if (requireLeader) this.#requireLeader.add(stream);
  }

  /** What comes for a stream that is gone means nothing any more. */
  received(streamId: number, request: WatchRequest, nowUs: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    const { create, cancel, progress } = request;
    if (create !== undefined) this.#create(stream, create, nowUs);
    else if (cancel !== undefined) this.#cancel(stream, cancel.watchId);
    else if (progress !== undefined) {
      stream.progressWanted = true;
      this.#progressDue.add(stream);
    }
    if (stream.answersBeyond > answersBeyondMax) this.#end(stream, etcdRefusal('TOO_MANY_REQUESTS'));
  }

  drained(streamId: number, bytes: number): void {
    const stream = this.#streams.get(streamId);
    if (stream === undefined) return;
    stream.drained(bytes);
    this.#undrainedBytes -= bytes;
    if (stream.isFull) return;
    if (stream.parked.size > 0) this.#resuming.add(stream);
    if (stream.progressWanted) this.#progressDue.add(stream);
  }

  closed(streamId: number): void {
    const stream = this.#streams.get(streamId);
    if (stream !== undefined) this.#forget(stream);
  }

  /** This member stops: it has nothing more to say to anybody. */
  stop(refusal: MemberRefusal): void {
    for (const stream of [...this.#streams.values()]) this.#end(stream, refusal);
  }

  /**
   * The store has moved on to `mvcc.revision`.
   *
   * @param changes everything that has changed since the last time, in order, when somebody wanted it
   */
  published(changes: readonly Change[], nowUs: number): void {
    const live = this.#live;
    const { revision, compactRevision } = this.#mvcc;
    for (const { revision: changed, key, record, previous } of changes) {
      assert(changed >= live.cursor && changed <= revision, 'changes are handed over once, in order');
      live.match(new WatchEvent(changed, key, record, previous));
    }
    if (changes.length > 0) this.#deliver(live, revision, nowUs);
    this.#moveOn(revision);
    if (compactRevision > this.#compactRevision) this.#compacted(compactRevision);
  }

  /** The store was replaced by a later state: nobody has been told of what lies between. */
  replaced(): void {
    const { revision, compactRevision } = this.#mvcc;
    assert(revision >= this.#live.cursor - 1, 'a snapshot does not take the member back');
    if (revision >= this.#live.cursor) {
      for (const watch of this.#live.watches()) this.#setPlace(watch, 'behind');
      this.#catchUp.adopt(this.#live);
      this.#live = new Cohort(revision + 1);
      this.#moveOn(revision);
    }
    if (compactRevision > this.#compactRevision) this.#compacted(compactRevision);
  }

  /** One turn of bounded work: watches that come up from the past, and those that have long heard nothing. */
  turn(nowUs: number): void {
    this.#resumeParked();
    const reading = this.#catchUp.nextReading();
    if (reading !== undefined) this.#readTurn(reading, nowUs);
    this.#tellIdle(nowUs);
  }

  /** What is owed at the end of every step. */
  settle(leaderKnown: boolean, nowUs: number): void {
    if (leaderKnown) this.#leaderlessUs = undefined;
    else this.#leaderlessUs ??= nowUs;
    if (this.#leaderlessEndUs <= nowUs) {
      for (const stream of [...this.#requireLeader]) this.#end(stream, etcdRefusal('NO_LEADER'));
    }
    for (const stream of this.#progressDue) this.#answerProgress(stream);
    this.#progressDue.clear();
  }

  get #leaderlessEndUs(): number {
    if (this.#leaderlessUs === undefined || this.#requireLeader.size === 0) return Infinity;
    return this.#leaderlessUs + leaderlessElections * this.#config.raft.electionTimeoutUs;
  }

  #create(stream: WatchStream, request: WatchCreateRequest, nowUs: number): void {
    const { revision, compactRevision } = this.#mvcc;
    assert(this.#live.cursor === revision + 1, 'watches are created between batches');
    const checked = checkCreate(request, stream, this.#config.watchesPerStreamMax);
    if (typeof checked === 'string') {
      const refused = { created: true, canceled: true, cancelReason: checked };
      return this.#answer(stream, { ...this.#blank(everyWatch, revision), ...refused });
    }
    const id = request.watchId === 0 ? stream.chooseWatchId() : request.watchId;
    this.#answer(stream, { ...this.#blank(id, revision), created: true });
    const next = request.startRevision === 0 ? revision + 1 : request.startRevision;
    if (next < compactRevision) return this.#answer(stream, this.#compactedResponse(id, compactRevision));
    const { range, wants } = checked;
    const { fragment, startRevision } = request;
    const watch = new Watch({ stream, id, range, wants, fragment, startRevision, next, nowUs });
    stream.watches.set(id, watch);
    this.#watches += 1;
    if (request.progressNotify) this.#checkLater(watch, nowUs);
    this.#enter(watch);
  }

  /** Where a watch belongs that lacks everything from `watch.next` on. */
  #enter(watch: Watch): void {
    if (watch.next > this.#live.cursor) {
      this.#futureSeq += 1;
      watch.futureKey = revisionKey(watch.next, 0) + revisionKey(this.#futureSeq, 0);
      this.#future.set(watch.futureKey, watch);
      this.#setPlace(watch, 'future');
    } else if (watch.next === this.#live.cursor) {
      this.#live.add(watch);
      this.#setPlace(watch, 'live');
    } else {
      this.#catchUp.add(watch);
      this.#setPlace(watch, 'behind');
    }
  }

  #cancel(stream: WatchStream, watchId: number): void {
    const watch = stream.watches.get(watchId);
    // As etcd: no answer.
    if (watch === undefined) return;
    this.#remove(watch);
    this.#answer(stream, { ...this.#blank(watchId, this.#mvcc.revision), canceled: true });
  }

  /** Tells a cohort's watches of everything that has matched. Who has no room goes on later where it was. */
  #deliver(cohort: Cohort, upTo: number, nowUs: number): void {
    for (const bucket of cohort.takeTouched()) {
      const { events, watches } = bucket;
      bucket.events = [];
      const { revision: firstRevision } = present(events[0], 'a touched bucket has events');
      let shared: readonly Chunk[] | undefined;
      for (let at = 0; at < watches.length;) {
        const watch = watches[at] as Watch;
        let chunks: readonly Chunk[];
        if (watch.next > firstRevision) {
          const own = events.filter(({ revision }) => revision >= watch.next);
          chunks = own.length === 0 ? [] : this.#chunks(bucket, own, upTo);
        } else {
          shared ??= this.#chunks(bucket, events, upTo);
          chunks = shared;
        }
        this.#tell(watch, chunks, nowUs);
        // One that was parked has left its place to another.
        if (watches[at] === watch) at += 1;
      }
    }
  }

  #chunks(bucket: WatchBucket, events: readonly WatchEvent[], upTo: number): readonly Chunk[] {
    const withPrevious = (bucket.wants & wantsPrevious) !== 0;
    return chunksOf(events, { withPrevious, bytesMax: this.#config.watchFragmentBytes, upTo });
  }

  #tell(watch: Watch, chunks: readonly Chunk[], nowUs: number): void {
    const { stream } = watch;
    for (const chunk of chunks) {
      if (stream.isFull) return this.#park(watch, chunk.firstRevision);
      watch.toldUs = nowUs;
      this.#eventsSent += chunk.events.length;
      if (chunk.isLarge && watch.fragment) this.#notifyFragments(watch, chunk);
      else
        this.#notify(
          stream,
          this.#eventsResponse(watch.id, chunk.revision, chunk.events, false),
          chunk.bytes,
        );
    }
  }

  #notifyFragments(watch: Watch, chunk: Chunk): void {
    const fragments = fragmentsOf(chunk.events, this.#config.watchFragmentBytes);
    for (let at = 0; at < fragments.length; at += 1) {
      const events = fragments[at] as readonly Uint8Array[];
      const response = this.#eventsResponse(watch.id, chunk.revision, events, at < fragments.length - 1);
      this.#notify(watch.stream, response, responseBytes(events));
    }
  }

  #park(watch: Watch, next: number): void {
    present(watch.cohort, 'a watch that is told something is in a cohort').remove(watch);
    watch.next = next;
    watch.stream.parked.add(watch);
    this.#setPlace(watch, 'parked');
  }

  /** The live watches have been given everything up to `revision`. */
  #moveOn(revision: number): void {
    this.#live.cursor = revision + 1;
    for (let first = this.#future.first(); first !== undefined; first = this.#future.first()) {
      const [key, watch] = first;
      if (watch.next > revision + 1) break;
      this.#future.delete(key);
      this.#enter(watch);
    }
  }

  #compacted(compactRevision: number): void {
    this.#compactRevision = compactRevision;
    for (const watch of this.#catchUp.takeOvertaken(compactRevision)) this.#overtaken(watch);
  }

  #overtaken(watch: Watch): void {
    this.#remove(watch);
    const response = this.#compactedResponse(watch.id, this.#mvcc.compactRevision);
    this.#notify(watch.stream, response, responseBytes([]));
  }

  #resumeParked(): void {
    let left = this.#bounds.watches;
    for (const stream of this.#resuming) {
      for (const watch of stream.parked) {
        if (left === 0 || stream.isFull) break;
        left -= 1;
        stream.parked.delete(watch);
        if (watch.next < this.#mvcc.compactRevision) this.#overtaken(watch);
        else this.#enter(watch);
      }
      if (left === 0 && !stream.isFull && stream.parked.size > 0) return;
      this.#resuming.delete(stream);
    }
  }

  #readTurn(reading: Cohort, nowUs: number): void {
    const { revision, compactRevision } = this.#mvcc;
    const upTo = this.#catchUp.read(reading, revision, compactRevision);
    this.#deliver(reading, upTo, nowUs);
    reading.cursor = upTo + 1;
    if (upTo < revision) return;
    for (let left = this.#bounds.watches; left > 0; left -= 1) {
      const watch = reading.any();
      if (watch === undefined) return;
      reading.remove(watch);
      this.#live.add(watch);
      this.#setPlace(watch, 'live');
    }
  }

  #tellIdle(nowUs: number): void {
    const idleUs = this.#config.watchProgressIntervalUs;
    let left = this.#bounds.watches;
    for (const watch of this.#idle) {
      if (watch.checkUs > nowUs || left === 0) return;
      left -= 1;
      const { stream, toldUs, startRevision } = watch;
      const revision = this.#live.cursor - 1;
      const mayBeTold = watch.place === 'live' && revision >= startRevision && !stream.isFull;
      if (mayBeTold && nowUs - toldUs >= idleUs) {
        watch.toldUs = nowUs;
        this.#notify(stream, this.#blank(watch.id, revision), responseBytes([]));
      }
      this.#checkLater(watch, nowUs);
    }
  }

  /** The same time for all, so that who is looked at first stands first. */
  #checkLater(watch: Watch, nowUs: number): void {
    watch.checkUs = nowUs + Math.ceil(this.#config.watchProgressIntervalUs / checksPerInterval);
    this.#idle.delete(watch);
    this.#idle.add(watch);
  }

  #answerProgress(stream: WatchStream): void {
    if (!stream.progressWanted || stream.behindCount > 0 || stream.isFull) return;
    stream.progressWanted = false;
    this.#notify(stream, this.#blank(everyWatch, this.#live.cursor - 1), responseBytes([]));
  }

  #setPlace(watch: Watch, place: WatchPlace): void {
    const { stream } = watch;
    const wasBehind = watch.place === 'behind' || watch.place === 'parked';
    const isBehind = place === 'behind' || place === 'parked';
    watch.place = place;
    if (wasBehind === isBehind) return;
    stream.behindCount += isBehind ? 1 : -1;
    this.#behind += isBehind ? 1 : -1;
    if (stream.behindCount === 0 && stream.progressWanted) this.#progressDue.add(stream);
  }

  /** Takes a watch out of everything. */
  #remove(watch: Watch): void {
    const { stream } = watch;
    stream.watches.delete(watch.id);
    stream.parked.delete(watch);
    this.#idle.delete(watch);
    if (watch.place === 'future') this.#future.delete(watch.futureKey);
    watch.cohort?.remove(watch);
    this.#watches -= 1;
    this.#setPlace(watch, 'ended');
  }

  #end(stream: WatchStream, refusal: MemberRefusal): void {
    this.#forget(stream);
    this.#refuseStream(stream.id, refusal);
  }

  #refuseStream(streamId: number, refusal: MemberRefusal): void {
    this.#effects.push({ kind: 'endStream', streamId, refusal });
  }

  #forget(stream: WatchStream): void {
    for (const watch of [...stream.watches.values()]) this.#remove(watch);
    this.#streams.delete(stream.id);
    this.#resuming.delete(stream);
    this.#progressDue.delete(stream);
    this.#requireLeader.delete(stream);
    this.#undrainedBytes -= stream.undrainedBytes;
  }

  /** Answers what a client has asked for, even where its stream is full: it will not ask for ever more. */
  #answer(stream: WatchStream, response: WatchResponse): void {
    if (stream.isFull) stream.answersBeyond += 1;
    this.#notify(stream, response, responseBytes([]) + response.cancelReason.length);
  }

  #notify(stream: WatchStream, item: WatchResponse, bytes: number): void {
    stream.notified(bytes);
    this.#undrainedBytes += bytes;
    this.#effects.push({ kind: 'notify', streamId: stream.id, item, bytes });
  }

  /** As etcd's: its header has no revision, since it says nothing of how far the watch came. */
  #compactedResponse(watchId: number, compactRevision: number): WatchResponse {
    return { ...this.#blank(watchId, 0), canceled: true, compactRevision };
  }

  #blank(watchId: number, revision: number): WatchResponse {
    return this.#eventsResponse(watchId, revision, noEvents, false);
  }

  #eventsResponse(
    watchId: number,
    revision: number,
    events: readonly Uint8Array[],
    fragment: boolean,
  ): WatchResponse {
    return {
      header: this.#answers.header(revision),
      watchId,
      created: false,
      canceled: false,
      compactRevision: 0,
      cancelReason: '',
      fragment,
      events,
    };
  }
}

const noEvents: readonly Uint8Array[] = [];
