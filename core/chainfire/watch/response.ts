import { type WatchEvent } from './event.ts';

/** Beside its bytes, what an event and a response add to a message, about. */
const eventOverheadBytes = 6;
const responseOverheadBytes = 48;

/** Events of whole revisions that go out as one response, the same list for every watch that gets them. */
export interface Chunk {
  readonly events: readonly Uint8Array[];
  /** What it counts for in a stream's bound. */
  readonly bytes: number;
  /** Revision of its first event. */
  readonly firstRevision: number;
  /** Whoever got it has everything up to here. */
  readonly revision: number;
  /** More than the bound; then it is one revision, and may be split where that is allowed. */
  readonly isLarge: boolean;
}

/**
 * Cuts events into responses, between revisions only: as many whole revisions as stay within `bytesMax`, one at least.
 *
 * @param events in order of their revisions, at least one
 * @param upTo there are no other events up to this revision
 */
export function chunksOf(
  events: readonly WatchEvent[],
  how: { readonly withPrevious: boolean; readonly bytesMax: number; readonly upTo: number },
): readonly Chunk[] {
  const { withPrevious, bytesMax, upTo } = how;
  const chunks: Chunk[] = [];
  let encoded: Uint8Array[] = [];
  let bytes = 0;
  let firstRevision = 0;
  let lastRevision = 0;
  for (let at = 0; at < events.length;) {
    const { revision } = events[at] as WatchEvent;
    let end = at;
    let revisionBytes = 0;
    for (let event = events[end]; event?.revision === revision; event = events[end]) {
      revisionBytes += countedBytes(withPrevious ? event.withPrevious : event.plain);
      end += 1;
    }
    if (encoded.length > 0 && bytes + revisionBytes > bytesMax) {
      chunks.push(chunk(encoded, bytes, firstRevision, lastRevision, bytesMax));
      encoded = [];
      bytes = 0;
    }
    if (encoded.length === 0) firstRevision = revision;
    for (; at < end; at += 1) {
      const event = events[at] as WatchEvent;
      encoded.push(withPrevious ? event.withPrevious : event.plain);
    }
    bytes += revisionBytes;
    lastRevision = revision;
  }
  chunks.push(chunk(encoded, bytes, firstRevision, upTo, bytesMax));
  return chunks;
}

/** Splits a large chunk into parts of at most `bytesMax`, of one event at least. */
export function fragmentsOf(
  events: readonly Uint8Array[],
  bytesMax: number,
): readonly (readonly Uint8Array[])[] {
  const fragments: Uint8Array[][] = [];
  let fragment: Uint8Array[] = [];
  let bytes = 0;
  for (const event of events) {
    const eventBytes = countedBytes(event);
    if (fragment.length > 0 && bytes + eventBytes > bytesMax) {
      fragments.push(fragment);
      fragment = [];
      bytes = 0;
    }
    fragment.push(event);
    bytes += eventBytes;
  }
  fragments.push(fragment);
  return fragments;
}

/** What a response counts for in a stream's bound. */
export function responseBytes(events: readonly Uint8Array[]): number {
  let bytes = responseOverheadBytes;
  for (const event of events) bytes += countedBytes(event);
  return bytes;
}

function countedBytes(event: Uint8Array): number {
  return event.length + eventOverheadBytes;
}

function chunk(
  events: readonly Uint8Array[],
  bytes: number,
  firstRevision: number,
  revision: number,
  bytesMax: number,
): Chunk {
  return {
    events,
    bytes: bytes + responseOverheadBytes,
    firstRevision,
    revision,
    isLarge: bytes > bytesMax && events.length > 1,
  };
}
