import { ResponseHeader } from '../../../core/chainfire/api/kv.ts';
import { WatchResponse } from '../../../core/chainfire/api/watch.ts';
import { type Codec } from '../service.ts';

/** Tags of WatchResponse: field number × 8 + wire type. */
const headerTag = 0x0a;
const watchIdTag = 0x10;
const fragmentTag = 0x38;
const eventsTag = 0x5a;
const varintBytesMax = 10;

/** The response's header and events, encoded: the same for every watch that they go to. */
interface SharedPart {
  readonly events: WatchResponse['events'];
  readonly revision: number;
  readonly raftTerm: number;
  readonly bytes: Uint8Array;
}

/**
 * WatchResponse as servers write it. Its events are encoded already and go to many watches, one response each: what these
 * responses have in common is put together once, and a watch's own response is one copy of it with its number behind.
 *
 * The fields of a message may come in any order, so that the number may stand behind the events.
 */
export function watchResponseCodec(): Codec<WatchResponse> {
  // Watches of the same keys are told of a revision one after the other.
  let last: SharedPart | undefined;
  return {
    name: WatchResponse.name,
    decode: (bytes) => WatchResponse.decode(bytes),
    encode: (response) => {
      if (!isPlain(response)) return WatchResponse.encode(response);
      if (!matches(last, response)) last = shared(response);
      return withNumber(last, response);
    },
  };
}

/** Events and nothing that is said once in a watch's life: nearly every response there is. */
function isPlain(response: WatchResponse): boolean {
  return (
    response.events.length > 0 &&
    response.header !== undefined &&
    !response.created &&
    !response.canceled &&
    response.compactRevision === 0 &&
    response.cancelReason === ''
  );
}

function matches(part: SharedPart | undefined, response: WatchResponse): part is SharedPart {
  // The list itself, not its content: the hub hands the same one to all. The header's ids are the member's own.
  return (
    part?.events === response.events &&
    part.revision === response.header?.revision &&
    part.raftTerm === response.header.raftTerm
  );
}

function shared(response: WatchResponse): SharedPart {
  const { events } = response;
  const headerValue = response.header ?? ResponseHeader.create();
  const header = ResponseHeader.encode(headerValue);
  let length = 1 + varintLength(header.length) + header.length;
  for (const event of events) length += 1 + varintLength(event.length) + event.length;
  const bytes = new Uint8Array(length);
  let at = field(bytes, 0, headerTag, header);
  for (const event of events) at = field(bytes, at, eventsTag, event);
  return { events, revision: headerValue.revision, raftTerm: headerValue.raftTerm, bytes };
}

function withNumber(part: SharedPart, { watchId, fragment }: WatchResponse): Uint8Array {
  const bytes = new Uint8Array(part.bytes.length + 2 + varintBytesMax + 1);
  bytes.set(part.bytes);
  let at = part.bytes.length;
  if (watchId !== 0) {
    bytes[at] = watchIdTag;
    at = varint(bytes, at + 1, watchId);
  }
  if (fragment) {
    bytes[at] = fragmentTag;
    bytes[at + 1] = 1;
    at += 2;
  }
  return bytes.subarray(0, at);
}

function field(bytes: Uint8Array, at: number, tag: number, content: Uint8Array): number {
  bytes[at] = tag;
  const start = varint(bytes, at + 1, content.length);
  bytes.set(content, start);
  return start + content.length;
}

/** An int64: a negative one takes ten bytes, two's complement. */
function varint(bytes: Uint8Array, start: number, value: number): number {
  let at = start;
  if (value < 0) {
    let rest = BigInt.asUintN(64, BigInt(value));
    for (; rest >= 0x80n; rest >>= 7n) bytes[at++] = Number(rest & 0x7fn) | 0x80;
    bytes[at++] = Number(rest);
    return at;
  }
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes[at++] = (rest % 0x80) | 0x80;
  bytes[at++] = rest;
  return at;
}

function varintLength(value: number): number {
  let length = 1;
  for (let rest = value; rest >= 0x80; rest = Math.floor(rest / 0x80)) length += 1;
  return length;
}
