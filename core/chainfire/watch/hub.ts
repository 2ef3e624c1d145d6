import { assert, present } from '../../base/assert.ts';
import { type Links, passSet, type StateForm } from '../../base/capture.ts';
import { type StorageBackend } from '../../storage/backend.ts';
import { type ResponseHeader } from '../api/kv.ts';
import { everyWatch, type WatchCreateRequest, type WatchRequest } from '../api/watch.ts';
import { type MemberAuth } from '../auth/member-auth.ts';
import { type MemberConfig, type MemberRefusal, type MemberStream } from '../member-protocol.ts';
import { type WatchQuota } from '../namespace/watch-quota.ts';
import { type Change } from '../mvcc/change.ts';
import { type KeyRange } from '../mvcc/key-range.ts';
import { etcdRefusal } from '../refusals.ts';
import { CatchUp, defaultTurnBounds, type TurnBounds } from './catch-up.ts';
import { Cohort, passCohort } from './cohort.ts';
import { checkCreate } from './create.ts';
import { WatchEvent } from './event.ts';
import { FutureWatches } from './future.ts';
import { WatchHistory } from './history.ts';
import { IdleWatches } from './idle.ts';
import { LeaderlessStreams } from './leaderless.ts';
import { type HubEffect, WatchNotifier } from './notifier.ts';
import { type Chunk, chunksOf } from './response.ts';
import {
  blankStream,
  blankWatch,
  passStream,
  passWatch,
  Watch,
  type WatchBucket,
  type WatchPlace,
  WatchStream,
  wantsPrevious,
} from './stream.ts';

export type HubConfig = Pick<
  MemberConfig,
  'streamBytesMax' | 'watchesPerStreamMax' | 'streamsMax' | 'watchFragmentBytes' | 'watchProgressIntervalUs'
> & { readonly raft: { readonly electionTimeoutUs: number } };

/** Says who may watch what. */
export type WatchAuthority = Pick<MemberAuth, 'refuseWatch' | 'refuseGoingOn' | 'moved'>;

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
  readonly #authority: WatchAuthority;
  readonly #quota: WatchQuota | undefined;
  readonly #notifier: WatchNotifier;
  readonly #streams = new Map<number, WatchStream>();
  readonly #bounds: TurnBounds;
  readonly #catchUp: CatchUp;
  /** The watches at the present: their cursor is the next revision there will be. */
  #live: Cohort;
  readonly #future = new FutureWatches();
  /** Streams with room again, and watches that wait for it. */
  readonly #resuming = new Set<WatchStream>();
  /** Streams whose question for progress may now have its answer. */
  readonly #progressDue = new Set<WatchStream>();
  readonly #idle: IdleWatches;
  readonly #leaderless: LeaderlessStreams;
  #compactRevision: number;
  #watches = 0;
  #behind = 0;

  constructor(given: {
    readonly config: HubConfig;
    readonly store: Pick<StorageBackend, 'get' | 'range'>;
    readonly mvcc: { readonly revision: number; readonly compactRevision: number };
    readonly answers: { header(revision: number): ResponseHeader };
    readonly authority: WatchAuthority;
    readonly quota?: WatchQuota;
    readonly bounds?: TurnBounds;
  }) {
    this.#config = given.config;
    this.#mvcc = given.mvcc;
    this.#authority = given.authority;
    this.#quota = given.quota;
    this.#quota?.countFrom(() => this.#ranges());
    this.#notifier = new WatchNotifier(given.answers, given.config.watchFragmentBytes);
    this.#idle = new IdleWatches(given.config.watchProgressIntervalUs);
    this.#leaderless = new LeaderlessStreams(given.config.raft.electionTimeoutUs);
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
    return Math.min(this.#leaderless.endUs, this.#idle.dueUs);
  }

  get counts(): WatchCounts {
    return {
      streams: this.#streams.size,
      watches: this.#watches,
      behind: this.#behind,
      eventsSent: this.#notifier.eventsSent,
      undrainedBytes: this.#notifier.undrainedBytes,
    };
  }

  /** Groups and tree nodes that changes have looked at since the live watches were last replaced: what matching costs. */
  get lookedAt(): number {
    return this.#live.lookedAt;
  }

  /** What must happen, in order; the caller's. */
  takeEffects(): readonly HubEffect[] {
    return this.#notifier.takeEffects();
  }

  opened(streamId: number, { requireLeader, by }: MemberStream): void {
    assert(!this.#streams.has(streamId), 'ids of streams are never used again');
    if (requireLeader && !this.#leaderless.hasLeader)
      return this.#notifier.endStream(streamId, etcdRefusal('NO_LEADER'));
    if (this.#streams.size >= this.#config.streamsMax) {
      return this.#notifier.endStream(streamId, etcdRefusal('TOO_MANY_REQUESTS'));
    }
    const bytesMax = this.#config.streamBytesMax;
    const stream = new WatchStream({ id: streamId, requireLeader, by, bytesMax });
    this.#streams.set(streamId, stream);
    if (requireLeader) this.#leaderless.add(stream);
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
    this.#notifier.gone(bytes);
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
    this.#followAuthority(nowUs);
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
  replaced(nowUs: number): void {
    this.#followAuthority(nowUs);
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
    for (const stream of this.#leaderless.look(leaderKnown, nowUs))
      this.#end(stream, etcdRefusal('NO_LEADER'));
    for (const stream of this.#progressDue) this.#answerProgress(stream);
    this.#progressDue.clear();
  }

  passState(form: StateForm): void {
    const streams = form.links('knownStreams', blankStream, passStream(this.#config.streamBytesMax));
    const watches = form.links('knownWatches', blankWatch, passWatch(streams));
    this.#passHeld(form, { streams, watches });
    this.#live = form.object('live', this.#live, passCohort(watches));
    form.fields('catchUp', (fields) => {
      this.#catchUp.passState(fields, watches);
    });
    this.#future.passSeq(form);
    passSet(form, 'resuming', this.#resuming, blankStream, streams.each);
    passSet(form, 'progressDue', this.#progressDue, blankStream, streams.each);
    form.fields('idle', (fields) => {
      this.#idle.passState(fields, watches);
    });
    form.fields('leaderless', (fields) => {
      this.#leaderless.passState(fields, streams);
    });
    this.#compactRevision = form.number('compactRevision', this.#compactRevision);
    this.#watches = form.number('watches', this.#watches);
    this.#behind = form.number('behind', this.#behind);
    form.part('notifier', this.#notifier);
  }

  /** Streams with their watches, each in its order; those that are parked, and those that begin later. */
  #passHeld(
    form: StateForm,
    { streams, watches }: { readonly streams: Links<WatchStream>; readonly watches: Links<Watch> },
  ): void {
    const all = [...this.#streams.values()];
    const held = form.list('streams', all, blankStream, streams.each);
    const heldWatches = all.flatMap((stream) => [...stream.watches.values()]);
    const passed = form.list('ofStreams', heldWatches, blankWatch, watches.each);
    const parkedNow = all.flatMap((stream) => [...stream.parked]);
    const parked = form.list('parked', parkedNow, blankWatch, watches.each);
    this.#future.passWatches(form, watches);
    if (!form.restores) return;
    for (const stream of held) this.#streams.set(stream.id, stream);
    for (const watch of passed) watch.stream.watches.set(watch.id, watch);
    for (const watch of parked) watch.stream.parked.add(watch);
  }

  #create(stream: WatchStream, request: WatchCreateRequest, nowUs: number): void {
    const { revision, compactRevision } = this.#mvcc;
    assert(this.#live.cursor === revision + 1, 'watches are created between batches');
    const notifier = this.#notifier;
    const checked = checkCreate(request, stream, this.#config.watchesPerStreamMax);
    const cancelReason =
      typeof checked === 'string'
        ? checked
        : (this.#authority.refuseWatch(stream, checked.range, nowUs) ??
          this.#quota?.refuse(checked.range)?.message);
    if (typeof checked === 'string' || cancelReason !== undefined) {
      const refused = { created: true, canceled: true, cancelReason: cancelReason ?? '' };
      return notifier.answer(stream, { ...notifier.blank(everyWatch, revision), ...refused });
    }
    const id = request.watchId === 0 ? stream.chooseWatchId() : request.watchId;
    notifier.answer(stream, { ...notifier.blank(id, revision), created: true });
    const next = request.startRevision === 0 ? revision + 1 : request.startRevision;
    if (next < compactRevision) return notifier.answer(stream, notifier.compacted(id, compactRevision));
    const { range, wants } = checked;
    const { fragment, startRevision } = request;
    const watch = new Watch({ stream, id, range, wants, fragment, startRevision, next, nowUs });
    stream.watches.set(id, watch);
    this.#watches += 1;
    this.#quota?.opened(range);
    if (request.progressNotify) this.#idle.checkLater(watch, nowUs);
    this.#enter(watch);
  }

  /** Where a watch belongs that lacks everything from `watch.next` on. */
  #enter(watch: Watch): void {
    if (watch.next > this.#live.cursor) {
      this.#future.add(watch);
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
    const response = this.#notifier.blank(watchId, this.#mvcc.revision);
    this.#notifier.answer(stream, { ...response, canceled: true });
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
      this.#notifier.events(watch, chunk);
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
    for (;;) {
      const watch = this.#future.takeDue(revision + 1);
      if (watch === undefined) return;
      this.#enter(watch);
    }
  }

  #compacted(compactRevision: number): void {
    this.#compactRevision = compactRevision;
    for (const watch of this.#catchUp.takeOvertaken(compactRevision)) this.#overtaken(watch);
  }

  #overtaken(watch: Watch): void {
    this.#remove(watch);
    this.#notifier.overtaken(watch.stream, watch.id, this.#mvcc.compactRevision);
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
    for (const watch of this.#idle.due(nowUs, this.#bounds.watches)) {
      const { stream, toldUs, startRevision } = watch;
      const revision = this.#live.cursor - 1;
      const mayBeTold = watch.place === 'live' && revision >= startRevision && !stream.isFull;
      if (mayBeTold && nowUs - toldUs >= idleUs) {
        watch.toldUs = nowUs;
        this.#notifier.progress(stream, watch.id, revision);
      }
      this.#idle.checkLater(watch, nowUs);
    }
  }

  #answerProgress(stream: WatchStream): void {
    if (!stream.progressWanted || stream.behindCount > 0 || stream.isFull) return;
    stream.progressWanted = false;
    this.#notifier.progress(stream, everyWatch, this.#live.cursor - 1);
  }

  /** Before anything more is told: what users may read may be another, and a watch that may not go on ends. */
  #followAuthority(nowUs: number): void {
    if (!this.#authority.moved(nowUs)) return;
    for (const stream of this.#streams.values()) {
      for (const watch of [...stream.watches.values()]) {
        const cancelReason = this.#authority.refuseGoingOn(stream, watch.range);
        if (cancelReason === undefined) continue;
        this.#remove(watch);
        const last = this.#notifier.blank(watch.id, this.#live.cursor - 1);
        this.#notifier.answer(stream, { ...last, canceled: true, cancelReason });
      }
    }
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
    if (watch.place === 'future') this.#future.delete(watch);
    watch.cohort?.remove(watch);
    this.#watches -= 1;
    this.#quota?.closed(watch.range);
    this.#setPlace(watch, 'ended');
  }

  *#ranges(): Iterable<KeyRange> {
    for (const { watches } of this.#streams.values()) for (const { range } of watches.values()) yield range;
  }

  #end(stream: WatchStream, refusal: MemberRefusal): void {
    this.#forget(stream);
    this.#notifier.endStream(stream.id, refusal);
  }

  #forget(stream: WatchStream): void {
    for (const watch of [...stream.watches.values()]) this.#remove(watch);
    this.#streams.delete(stream.id);
    this.#resuming.delete(stream);
    this.#progressDue.delete(stream);
    this.#leaderless.delete(stream);
    this.#notifier.gone(stream.undrainedBytes);
  }
}
