import { assert } from '../../base/assert.ts';
import { type StateForm } from '../../base/capture.ts';
import { type EndStreamEffect, type NotifyEffect } from '../../base/effects.ts';
import { type ResponseHeader } from '../api/kv.ts';
import { type WatchResponse } from '../api/watch.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { type Chunk, fragmentsOf, responseBytes } from './response.ts';
import { type Watch, type WatchStream } from './stream.ts';

export type HubEffect = NotifyEffect<WatchResponse> | EndStreamEffect<MemberRefusal>;

/** What is said to the clients of streams, and how much of it: every response is made here and counted. */
export class WatchNotifier {
  readonly #answers: { header(revision: number): ResponseHeader };
  readonly #fragmentBytes: number;
  #eventsSent = 0;
  #undrainedBytes = 0;
  #effects: HubEffect[] = [];

  constructor(answers: { header(revision: number): ResponseHeader }, fragmentBytes: number) {
    this.#answers = answers;
    this.#fragmentBytes = fragmentBytes;
  }

  /** Events handed over since the start, each as often as there were watches for it. */
  get eventsSent(): number {
    return this.#eventsSent;
  }

  /** Handed over, and not yet taken by the transport. */
  get undrainedBytes(): number {
    return this.#undrainedBytes;
  }

  /** What must happen, in order; the caller's. */
  takeEffects(): readonly HubEffect[] {
    const effects = this.#effects;
    if (effects.length > 0) this.#effects = [];
    return effects;
  }

  /** The transport has taken this much, or will not take it any more. */
  gone(bytes: number): void {
    this.#undrainedBytes -= bytes;
  }

  endStream(streamId: number, refusal: MemberRefusal): void {
    this.#effects.push({ kind: 'endStream', streamId, refusal });
  }

  /** Answers what a client has asked for, even where its stream is full: it will not ask for ever more. */
  answer(stream: WatchStream, response: WatchResponse): void {
    if (stream.isFull) stream.answersBeyond += 1;
    this.#notify(stream, response, responseBytes([]) + response.cancelReason.length);
  }

  /** Events for a watch; what is large goes in parts, where its client allows that. */
  events(watch: Watch, chunk: Chunk): void {
    const { stream, id } = watch;
    const { events, revision } = chunk;
    this.#eventsSent += events.length;
    if (!chunk.isLarge || !watch.fragment) {
      this.#notify(stream, this.#response(id, revision, events, false), chunk.bytes);
      return;
    }
    const fragments = fragmentsOf(events, this.#fragmentBytes);
    for (let at = 0; at < fragments.length; at += 1) {
      const part = fragments[at] as readonly Uint8Array[];
      const response = this.#response(id, revision, part, at < fragments.length - 1);
      this.#notify(stream, response, responseBytes(part));
    }
  }

  /** A watch, or every watch of a stream, has been told everything up to the revision. */
  progress(stream: WatchStream, watchId: number, revision: number): void {
    this.#notify(stream, this.blank(watchId, revision), responseBytes([]));
  }

  /** A watch is over: what it lacks is compacted. */
  overtaken(stream: WatchStream, watchId: number, compactRevision: number): void {
    this.#notify(stream, this.compacted(watchId, compactRevision), responseBytes([]));
  }

  /** As etcd's: its header has no revision, since it says nothing of how far the watch came. */
  compacted(watchId: number, compactRevision: number): WatchResponse {
    return { ...this.blank(watchId, 0), canceled: true, compactRevision };
  }

  blank(watchId: number, revision: number): WatchResponse {
    return this.#response(watchId, revision, noEvents, false);
  }

  passState(form: StateForm): void {
    assert(this.#effects.length === 0, 'a hub is captured between two steps');
    this.#eventsSent = form.number('eventsSent', this.#eventsSent);
    this.#undrainedBytes = form.number('undrainedBytes', this.#undrainedBytes);
  }

  #notify(stream: WatchStream, item: WatchResponse, bytes: number): void {
    stream.notified(bytes);
    this.#undrainedBytes += bytes;
    this.#effects.push({ kind: 'notify', streamId: stream.id, item, bytes });
  }

  #response(
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
