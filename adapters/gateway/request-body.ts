import { type IncomingMessage } from 'node:http';

import { StatusError } from '../grpc/status.ts';
import { JsonError } from './json-error.ts';
import { JsonSplitter } from './json-text.ts';

/** What a refused client still sends is thrown away up to this many times the bound, so that it comes to read the answer. */
const discardedBounds = 16;

/**
 * The first JSON value of a body, undefined when there is none; what stands behind it is not looked at, as in etcd.
 *
 * @throws StatusError when it is longer than allowed
 */
export async function firstValue(request: IncomingMessage, bytesMax: number): Promise<string | undefined> {
  const splitter = new JsonSplitter(bytesMax);
  let first: string | undefined;
  let bytes = 0;
  let tooLong = false;
  for await (const piece of request as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bytesMax * discardedBounds) {
      request.destroy();
      break;
    }
    tooLong ||= bytes > bytesMax;
    if (!tooLong && first === undefined) first = splitter.push(piece)[0];
  }
  if (tooLong) {
    const text = `grpc: received message larger than max (${bytes} vs. ${bytesMax})`;
    throw new StatusError('RESOURCE_EXHAUSTED', text);
  }
  return first ?? splitter.end();
}

/** Every JSON value of a body, as it comes. @throws JsonError when one is longer than allowed */
export async function* eachValue(request: IncomingMessage, bytesMax: number): AsyncGenerator<string> {
  const splitter = new JsonSplitter(bytesMax);
  // The request is not destroyed with its body: over HTTP/1 that would take the answer with it.
  for await (const piece of request.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    yield* splitter.push(piece);
  }
  const rest = splitter.end();
  if (rest !== undefined) yield rest;
}

/** Whatever it was that could not be read. */
export function unreadable(error: unknown, code: 'INVALID_ARGUMENT' | 'UNKNOWN'): unknown {
  return error instanceof JsonError ? new StatusError(code, error.message) : error;
}
