import { Event, eventTypes, everyWatch, WatchResponse } from '../../../../core/chainfire/api/watch.ts';
import { KeyValue, ResponseHeader } from '../../../../core/chainfire/api/kv.ts';
import { type ClientEffect } from '../../../../core/chainfire/client/protocol.ts';

/** What happened at one revision: the keys that were written. */
export type Revision = readonly string[];

interface ServedWatch {
  readonly serverId: number;
  readonly key: string;
  readonly rangeEnd: string;
  next: number;
}

interface ServedStream {
  readonly member: number;
  readonly watches: Map<number, ServedWatch>;
  /** On its way to the client, in order. */
  readonly inTransit: WatchResponse[];
}

/**
 * Members that serve watches from one history, each as far as it has come. They behave as loosely as etcd's do: answers
 * carry the store's revision though events are still missing, answers to progress requests run ahead of everything, one that
 * is behind the revision asked for sends older ones first, a revision may come in fragments that begin and end anywhere.
 */
export class ModelWatchServer {
  /** Revision r lies at r − 1. */
  readonly history: Revision[] = [['first']];
  readonly #applied: number[];
  readonly #streams = new Map<number, ServedStream>();

  constructor(members: number) {
    this.#applied = Array.from({ length: members }, () => 1);
  }

  get revision(): number {
    return this.history.length;
  }

  get openStreams(): readonly number[] {
    return [...this.#streams.keys()];
  }

  write(keys: Revision): void {
    this.history.push(keys);
  }

  /** A member learns of so many more revisions. */
  advance(member: number, revisions: number): void {
    this.#applied[member] = Math.min(this.revision, this.#appliedAt(member) + revisions);
  }

  handle(effect: ClientEffect): void {
    if (effect.kind === 'openStream') {
      this.#streams.set(effect.streamId, { member: effect.endpoint, watches: new Map(), inTransit: [] });
    } else if (effect.kind === 'closeStream') {
      this.#streams.delete(effect.streamId);
    } else if (effect.kind === 'streamSend') {
      const stream = this.#streams.get(effect.streamId);
      if (stream !== undefined) this.#onRequest(stream, effect.request);
    }
  }

  /** The client's end is not told yet; nothing that was on its way arrives. */
  lose(streamId: number): void {
    this.#streams.delete(streamId);
  }

  /** Sends what the watches of every stream lack, so many revisions in one response, in fragments of so many events. */
  serve(revisionsMax: number, fragmentEvents: number): void {
    for (const stream of this.#streams.values()) {
      for (const watch of stream.watches.values()) this.#serve(stream, watch, revisionsMax, fragmentEvents);
    }
  }

  /** Tells each watch that lacks nothing how far it is. */
  tellProgress(): void {
    for (const stream of this.#streams.values()) {
      const applied = this.#appliedAt(stream.member);
      for (const watch of stream.watches.values()) {
        if (watch.next > applied) this.#push(stream, { watchId: watch.serverId });
      }
    }
  }

  /** What comes next out of a stream, in order. */
  take(streamId: number): WatchResponse | undefined {
    return this.#streams.get(streamId)?.inTransit.shift();
  }

  #onRequest(
    stream: ServedStream,
    { create, cancel, progress }: Extract<ClientEffect, { kind: 'streamSend' }>['request'],
  ): void {
    if (create !== undefined) {
      const { watchId, key, rangeEnd, startRevision } = create;
      const present = this.#appliedAt(stream.member) + 1;
      const next = startRevision === 0 ? present : Math.min(present, startRevision);
      stream.watches.set(watchId, { serverId: watchId, key, rangeEnd, next });
      this.#push(stream, { watchId, created: true });
    }
    if (cancel !== undefined && stream.watches.delete(cancel.watchId)) {
      this.#push(stream, { watchId: cancel.watchId, canceled: true });
    }
    if (progress !== undefined) this.#push(stream, { watchId: everyWatch }, this.revision);
  }

  #serve(stream: ServedStream, watch: ServedWatch, revisionsMax: number, fragmentEvents: number): void {
    const applied = this.#appliedAt(stream.member);
    const events: Uint8Array[] = [];
    for (let count = 0; count < revisionsMax && watch.next <= applied; count += 1) {
      for (const key of this.history[watch.next - 1] ?? []) {
        if (matches(watch, key)) events.push(encodedEvent(key, watch.next));
      }
      watch.next += 1;
    }
    for (let at = 0; at < events.length; at += fragmentEvents) {
      const part = events.slice(at, at + fragmentEvents);
      const fragment = at + fragmentEvents < events.length;
      this.#push(stream, { watchId: watch.serverId, events: part, fragment });
    }
  }

  #push(stream: ServedStream, fields: Partial<WatchResponse>, revision?: number): void {
    const header = ResponseHeader.create({ revision: revision ?? this.#appliedAt(stream.member) });
    stream.inTransit.push(WatchResponse.create({ header, ...fields }));
  }

  #appliedAt(member: number): number {
    return this.#applied[member] ?? 0;
  }
}

export function matches({ key, rangeEnd }: { key: string; rangeEnd: string }, candidate: string): boolean {
  return rangeEnd === '' ? candidate === key : candidate >= key && candidate < rangeEnd;
}

export function encodedEvent(key: string, modRevision: number): Uint8Array {
  return Event.encode(
    Event.create({ type: eventTypes.put, kv: KeyValue.create({ key, modRevision, version: 1 }) }),
  );
}
