import { assert, present } from '../../base/assert.ts';
import { type Prng } from '../../base/prng.ts';
import { WireError } from '../../wire/reader.ts';
import { Event, everyWatch, WatchCreateRequest, WatchRequest, type WatchResponse } from '../api/watch.ts';
import { etcdRefusal } from '../refusals.ts';
import { type Endpoints, pauseUs } from './endpoints.ts';
import { type ClientConfig, type ClientEffect, type WatchEnd, type WatchTarget } from './protocol.ts';

interface Watch {
  readonly watchId: number;
  readonly target: WatchTarget;
  /** The first revision that has not been delivered; 0: whatever comes once a member has set the watch up. */
  nextRevision: number;
  state: 'waiting' | 'creating' | 'live' | 'paused';
  /** What the member calls it while it is `creating` or `live`; a new number every time, so that nothing late counts. */
  serverId: number;
  /** The caller knows that it has been set up. */
  announced: boolean;
  /** Events of revisions that are not yet whole, in order; `nextRevision` is not above the first. */
  part: Event[];
  partBytes: number;
}

interface Stream {
  readonly streamId: number;
  readonly endpoint: number;
  readonly openedUs: number;
  heardUs: number;
  /** Nothing was heard for half of what is allowed, so progress was asked for. */
  asked: boolean;
  /** Watches that the member was asked for and has not yet spoken of; it does so in order. */
  readonly creations: Creation[];
}

interface Creation {
  readonly serverId: number;
  readonly sentUs: number;
}

/** The longest silence that is allowed is this many times twice the configured one. */
const silenceDoublingsMax = 5;

/**
 * Watches that outlive the streams behind them.
 *
 * All of them share one stream to one member. When it breaks, or is silent, another is opened to the next endpoint, and
 * each watch is created anew at the first revision that it has not delivered. What was delivered before is dropped, and
 * nothing is passed over: where a watch goes on follows only from events it has delivered, from progress reported for it
 * alone, and, once, from the answer that set it up. An answer to a request for progress shows no more than that the member
 * is alive: etcd's versions before 3.5.8 answer ahead of events that are still on their way.
 *
 * A watch that is paused is cancelled at the member and created anew later, so that one slow consumer does not fill the
 * stream of all.
 */
export class ClientWatches {
  readonly #config: ClientConfig;
  readonly #endpoints: Endpoints;
  readonly #prng: Prng;
  /** By the caller's id. At most `watchesMax`. */
  readonly #watches = new Map<number, Watch>();
  /** Those that the member of the present stream knows, or was asked for. */
  readonly #watchOfServerId = new Map<number, Watch>();
  /** So many of the watches are paused. */
  #paused = 0;
  #stream: Stream | undefined;
  #streams = 0;
  #serverIds = 0;
  /** The next stream's endpoint, once one has failed. */
  #endpoint: number | undefined;
  /** Streams in a row that failed soon. */
  #failures = 0;
  /**
   * Streams in a row that set their watches up and then went silent. Each is given twice the time of the one before, since
   * a member may have to search through a long history before it has anything to tell: whoever left it every time after the
   * same time would never see the end.
   */
  #silences = 0;
  /** No stream is opened before. */
  #reopenUs = 0;
  #nowUs = 0;
  #effects: ClientEffect[] = [];

  constructor(config: ClientConfig, endpoints: Endpoints, prng: Prng) {
    assert(config.streamSilenceUsMax >= 2, 'a stream may be silent for a while');
    this.#config = config;
    this.#endpoints = endpoints;
    this.#prng = prng;
  }

  get deadlineUs(): number {
    if (!this.#anyActive()) return Infinity;
    const stream = this.#stream;
    if (stream === undefined) return this.#reopenUs;
    const created = stream.creations[0];
    return Math.min(
      this.#silenceUs(stream),
      created === undefined ? Infinity : created.sentUs + this.#config.streamSilenceUsMax,
    );
  }

  /** To be called before any of the others in a step: effects are pushed to `effects`. */
  begin(nowUs: number, effects: ClientEffect[]): void {
    this.#nowUs = nowUs;
    this.#effects = effects;
  }

  onTick(): void {
    if (!this.#anyActive()) return;
    const stream = this.#stream;
    if (stream === undefined) {
      if (this.#nowUs >= this.#reopenUs) this.#openStream();
      return;
    }
    const created = stream.creations[0];
    if (created !== undefined && this.#nowUs >= created.sentUs + this.#config.streamSilenceUsMax) {
      this.#failStream(`endpoint ${stream.endpoint} did not set a watch up in time`);
    } else if (this.#nowUs >= this.#silenceUs(stream)) {
      if (stream.asked) {
        this.#silences += 1;
        this.#failStream(`endpoint ${stream.endpoint} has gone silent`);
      } else {
        stream.asked = true;
        this.#send(stream, { progress: {} });
      }
    }
  }

  onOpened(watchId: number, target: WatchTarget): void {
    assert(!this.#watches.has(watchId), 'a watch has its own number');
    if (this.#watches.size >= this.#config.watchesMax) {
      const reason = `${this.#watches.size} watches are open, and no more are allowed`;
      this.#effects.push({ kind: 'watchEnded', watchId, end: { kind: 'refused', reason } });
      return;
    }
    const watch: Watch = {
      watchId,
      target,
      nextRevision: target.startRevision,
      state: 'waiting',
      serverId: 0,
      announced: false,
      part: [],
      partBytes: 0,
    };
    this.#watches.set(watchId, watch);
    this.#activate(watch);
  }

  onClosed(watchId: number): void {
    const watch = this.#watches.get(watchId);
    if (watch === undefined) return;
    this.#cancel(watch);
    this.#remove(watch);
  }

  onPaused(watchId: number): void {
    const watch = this.#watches.get(watchId);
    if (watch === undefined || watch.state === 'paused') return;
    this.#cancel(watch);
    watch.state = 'paused';
    this.#paused += 1;
  }

  onResumed(watchId: number): void {
    const watch = this.#watches.get(watchId);
    if (watch === undefined || watch.state !== 'paused') return;
    // With nobody active the stream's silence meant nothing.
    if (this.#stream !== undefined && !this.#anyActive()) this.#heard(this.#stream);
    watch.state = 'waiting';
    this.#paused -= 1;
    this.#activate(watch);
  }

  onStreamReceived(streamId: number, response: WatchResponse): void {
    const stream = this.#stream;
    if (stream === undefined || stream.streamId !== streamId) return;
    this.#heard(stream);
    if (response.created) {
      this.#onCreated(stream, response);
      return;
    }
    this.#silences = 0;
    if (response.watchId !== everyWatch) this.#onTold(response);
  }

  onStreamFailed(streamId: number, reason: string, permanent: boolean): void {
    if (this.#stream?.streamId !== streamId) return;
    this.#forgetStream();
    if (permanent) {
      for (const watch of [...this.#watches.values()]) {
        if (watch.state !== 'paused') this.#end(watch, { kind: 'refused', reason });
      }
    }
    this.#openAgain();
  }

  /** A paused watch says nothing and needs no stream. */
  #anyActive(): boolean {
    return this.#watches.size > this.#paused;
  }

  #silenceUs(stream: Stream): number {
    const allowedUs = this.#config.streamSilenceUsMax * 2 ** Math.min(this.#silences, silenceDoublingsMax);
    return stream.heardUs + (stream.asked ? allowedUs : Math.floor(allowedUs / 2));
  }

  #heard(stream: Stream): void {
    stream.heardUs = this.#nowUs;
    stream.asked = false;
  }

  #activate(watch: Watch): void {
    if (this.#stream !== undefined) this.#create(this.#stream, watch);
    else if (this.#nowUs >= this.#reopenUs) this.#openStream();
  }

  #openStream(): void {
    this.#streams += 1;
    const endpoint = this.#endpoint ?? this.#endpoints.current;
    this.#endpoint = endpoint;
    const stream: Stream = {
      streamId: this.#streams,
      endpoint,
      openedUs: this.#nowUs,
      heardUs: this.#nowUs,
      asked: false,
      creations: [],
    };
    this.#stream = stream;
    this.#effects.push({ kind: 'openStream', streamId: stream.streamId, endpoint });
    for (const watch of this.#watches.values()) if (watch.state === 'waiting') this.#create(stream, watch);
  }

  #create(stream: Stream, watch: Watch): void {
    this.#serverIds += 1;
    watch.serverId = this.#serverIds;
    watch.state = 'creating';
    this.#watchOfServerId.set(watch.serverId, watch);
    stream.creations.push({ serverId: watch.serverId, sentUs: this.#nowUs });
    const { key, rangeEnd, prevKv, filters } = watch.target;
    const create = WatchCreateRequest.create({
      key,
      rangeEnd,
      startRevision: watch.nextRevision,
      // Wanted here even where the caller does not: a quiet watch must not fall behind what is compacted.
      progressNotify: true,
      filters,
      prevKv,
      watchId: watch.serverId,
      fragment: true,
    });
    this.#send(stream, { create });
  }

  /** The member need not go on with it, and nothing that it still says of it counts. */
  #cancel(watch: Watch): void {
    if (watch.state === 'creating' || watch.state === 'live') {
      this.#watchOfServerId.delete(watch.serverId);
      this.#send(present(this.#stream, 'a watch that a member knows has a stream'), {
        cancel: { watchId: watch.serverId },
      });
    }
    watch.part = [];
    watch.partBytes = 0;
  }

  #onCreated(stream: Stream, response: WatchResponse): void {
    // One that was never set up may come without an id; answers come in the order of the requests.
    const at =
      response.watchId === everyWatch
        ? 0
        : stream.creations.findIndex(({ serverId }) => serverId === response.watchId);
    const [creation] = at < 0 ? [] : stream.creations.splice(at, 1);
    const watch = creation === undefined ? undefined : this.#watchOfServerId.get(creation.serverId);
    if (watch === undefined) return;
    if (response.canceled) {
      this.#onCanceled(watch, response);
      return;
    }
    const revision = response.header?.revision;
    if (revision === undefined || response.events.length > 0) {
      this.#failStream(`endpoint ${stream.endpoint} set a watch up in a way that means nothing`);
      return;
    }
    watch.state = 'live';
    if (watch.nextRevision === 0) watch.nextRevision = revision + 1;
    if (watch.announced) return;
    watch.announced = true;
    this.#deliver(watch, [], Math.min(revision, watch.nextRevision - 1));
  }

  /** What a member says of one watch. */
  #onTold(response: WatchResponse): void {
    const watch = this.#watchOfServerId.get(response.watchId);
    if (watch === undefined) return;
    if (response.canceled) {
      this.#onCanceled(watch, response);
    } else if (watch.state !== 'live') {
      this.#failStream('a member spoke of a watch before it was set up');
    } else if (response.events.length > 0) {
      this.#onEvents(watch, response);
    } else {
      this.#onProgress(watch, response.header?.revision ?? 0);
    }
  }

  #onCanceled(watch: Watch, { compactRevision, cancelReason }: WatchResponse): void {
    if (compactRevision > 0) {
      this.#end(watch, { kind: 'compacted', compactRevision });
    } else if (cancelReason === '' || passing.has(cancelReason)) {
      // Of this member rather than of the watch: another may do better.
      this.#failStream(cancelReason === '' ? 'a member cancelled a watch' : cancelReason);
    } else {
      this.#end(watch, { kind: 'refused', reason: cancelReason });
    }
  }

  #onProgress(watch: Watch, revision: number): void {
    // Within a revision that comes in parts, or behind what this watch has seen elsewhere, it says nothing new.
    if (watch.part.length > 0 || revision < watch.nextRevision - 1) return;
    if (watch.target.progressNotify) this.#deliver(watch, [], revision);
    else watch.nextRevision = revision + 1;
  }

  #onEvents(watch: Watch, response: WatchResponse): void {
    let last = watch.part.at(-1)?.kv?.modRevision ?? 0;
    for (const bytes of response.events) {
      const event = decoded(bytes);
      const revision = event?.kv?.modRevision ?? 0;
      if (event === undefined || revision < 1 || revision < last) {
        this.#failStream('a member sent events that are malformed or out of order');
        return;
      }
      last = revision;
      // Delivered before, when another stream carried this watch.
      if (revision < watch.nextRevision) continue;
      watch.part.push(event);
      watch.partBytes += bytes.length;
    }
    if (watch.part.length > 0) this.#deliverWhole(watch, response.fragment);
  }

  /** What lies before the last revision is whole; the last one is unless more of it follows. */
  #deliverWhole(watch: Watch, moreFollows: boolean): void {
    const events = watch.part;
    const last = revisionOf(present(events.at(-1), 'there are events'));
    if (!moreFollows) {
      watch.part = [];
      watch.partBytes = 0;
      this.#deliver(watch, events, last);
      return;
    }
    const first = events.findIndex((event) => revisionOf(event) === last);
    if (first > 0) {
      watch.part = events.slice(first);
      this.#deliver(
        watch,
        events.slice(0, first),
        revisionOf(present(events[first - 1], 'it is not the first')),
      );
    }
    if (watch.partBytes > this.#config.revisionBytesMax) {
      const reason = `the events of revision ${last} come to more than ${this.#config.revisionBytesMax} bytes`;
      this.#cancel(watch);
      this.#end(watch, { kind: 'refused', reason });
    }
  }

  #deliver(watch: Watch, events: readonly Event[], revision: number): void {
    watch.nextRevision = Math.max(watch.nextRevision, revision + 1);
    this.#effects.push({ kind: 'watchDelivered', watchId: watch.watchId, batch: { revision, events } });
  }

  #end(watch: Watch, end: WatchEnd): void {
    this.#effects.push({ kind: 'watchEnded', watchId: watch.watchId, end });
    this.#remove(watch);
  }

  #remove(watch: Watch): void {
    this.#watchOfServerId.delete(watch.serverId);
    this.#watches.delete(watch.watchId);
    if (watch.state === 'paused') this.#paused -= 1;
    if (this.#watches.size > 0 || this.#stream === undefined) return;
    this.#effects.push({ kind: 'closeStream', streamId: this.#stream.streamId });
    this.#stream = undefined;
  }

  #failStream(reason: string): void {
    const stream = present(this.#stream, 'only an open stream fails');
    this.#effects.push({ kind: 'closeStream', streamId: stream.streamId, reason });
    this.#forgetStream();
    this.#openAgain();
  }

  /** Every watch of the stream goes on behind what it has delivered. */
  #forgetStream(): void {
    const stream = present(this.#stream, 'there is a stream to forget');
    this.#stream = undefined;
    this.#watchOfServerId.clear();
    for (const watch of this.#watches.values()) {
      if (watch.state !== 'paused') watch.state = 'waiting';
      watch.part = [];
      watch.partBytes = 0;
    }
    this.#endpoint = this.#endpoints.after(stream.endpoint);
    // A stream that has served for a while is no sign of trouble with the others.
    const livedUs = this.#nowUs - stream.openedUs;
    this.#failures = livedUs > this.#config.retryBackoffMaxUs ? 1 : this.#failures + 1;
    this.#reopenUs = this.#nowUs + pauseUs(this.#config, this.#prng, this.#failures);
  }

  #openAgain(): void {
    if (this.#nowUs >= this.#reopenUs && this.#anyActive()) this.#openStream();
  }

  #send(stream: Stream, request: Partial<WatchRequest>): void {
    this.#effects.push({
      kind: 'streamSend',
      streamId: stream.streamId,
      request: WatchRequest.create(request),
    });
  }
}

/** A member's reasons that say nothing of the watch itself. */
const passing: ReadonlySet<string> = new Set(
  (['NO_LEADER', 'LEADER_CHANGED', 'TIMEOUT', 'STOPPED'] as const).map((code) => etcdRefusal(code).message),
);

function revisionOf(event: Event): number {
  return event.kv?.modRevision ?? 0;
}

/** Undefined: not an event. */
function decoded(bytes: Uint8Array): Event | undefined {
  try {
    return Event.decode(bytes);
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
