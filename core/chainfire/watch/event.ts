import { Event, eventTypes } from '../api/watch.ts';
import { decodeRecord, isTombstone } from '../mvcc/record.ts';

/** A change as watches are told of it: encoded once with, and once without what was before, when somebody wants it. */
export class WatchEvent {
  readonly revision: number;
  readonly key: string;
  readonly isDeletion: boolean;
  readonly #record: Uint8Array;
  /** What the key had before; undefined: nothing, or it cannot be known any more. Set before anybody asks for it. */
  previous: Uint8Array | undefined;
  #plain: Uint8Array | undefined;
  #withPrevious: Uint8Array | undefined;

  constructor(revision: number, key: string, record: Uint8Array, previous: Uint8Array | undefined) {
    this.revision = revision;
    this.key = key;
    this.isDeletion = isTombstone(record);
    this.#record = record;
    this.previous = previous;
  }

  /** As it is for watches that do not want to know what was before. */
  get plain(): Uint8Array {
    return (this.#plain ??= this.#encode(undefined));
  }

  get withPrevious(): Uint8Array {
    if (this.previous === undefined) return this.plain;
    return (this.#withPrevious ??= this.#encode(this.previous));
  }

  #encode(previous: Uint8Array | undefined): Uint8Array {
    return Event.encode({
      type: this.isDeletion ? eventTypes.delete : eventTypes.put,
      kv: decodeRecord(this.#record),
      prevKv: previous === undefined ? undefined : decodeRecord(previous),
    });
  }
}
