import { setTimeout as after } from 'node:timers/promises';

import { unreachable } from '../../core/base/assert.ts';
import { type ImageChunkRequest } from '../../core/plasma/agent-protocol.ts';
import {
  ImageFetch,
  type ImageFetchAct,
  type ImageFetchEvent,
} from '../../core/plasma/images/image-fetch.ts';
import { type Digest } from '../../core/plasma/types.ts';
import { ImageError } from './image-error.ts';
import { type ImageStore, type StoredImage } from './image-store.ts';

/** Asks one of the servers for a piece; rejects when it does not come in time. */
export type AskChunk = (
  server: number,
  request: ImageChunkRequest,
  options: { readonly timeoutUs: number; readonly signal: AbortSignal | undefined },
) => Promise<{ readonly bytes: Uint8Array; readonly totalBytes: number }>;

export interface FetchImageOptions {
  readonly store: ImageStore;
  readonly digest: Digest;
  readonly servers: number;
  readonly ask: AskChunk;
  readonly fileBytesMax: number;
  readonly progress?: (fetchedBytes: number, totalBytes: number | undefined) => void;
  readonly signal?: AbortSignal;
}

/**
 * Has an image in the store: one that is there is given at once, of another one the fetch goes on where it was.
 * One fetch of a digest at a time; who asks meanwhile must wait for that one.
 *
 * @throws ImageError when no server gives the right one; the signal's reason
 */
export async function fetchImage(options: FetchImageOptions): Promise<StoredImage> {
  const { store, digest, signal } = options;
  const there = await store.find(digest);
  if (there !== undefined) return there;
  const machine = new ImageFetch(
    {
      ...{ digest, servers: options.servers, bytesMax: options.fileBytesMax },
      partialBytes: await store.partialBytes(digest),
    },
    nowUs(),
  );
  let event: ImageFetchEvent = { kind: 'tick' };
  for (;;) {
    signal?.throwIfAborted();
    const [effect] = machine.step(event, nowUs());
    const { fetchedBytes, totalBytes } = machine.progress;
    options.progress?.(fetchedBytes, totalBytes);
    if (effect === undefined) {
      await after(Math.max(1, Math.ceil((machine.deadlineUs - nowUs()) / 1_000)), undefined, { signal });
      event = { kind: 'tick' };
    } else if (effect.kind === 'act') {
      event = await carryOut(effect.act, options);
    } else if (effect.kind === 'gaveUp') {
      throw new ImageError('UNREADABLE', `${digest} could not be fetched: ${effect.reason}`);
    } else {
      const stored = await store.find(digest);
      if (stored === undefined) throw new ImageError('NOT_FOUND', `${digest} was taken away at once`);
      return stored;
    }
  }
}

async function carryOut(act: ImageFetchAct, options: FetchImageOptions): Promise<ImageFetchEvent> {
  const { store, digest, signal } = options;
  const { actId } = act;
  try {
    switch (act.kind) {
      case 'askChunk': {
        const { timeoutUs, server, request } = act;
        const { bytes, totalBytes } = await options.ask(server, request, { timeoutUs, signal });
        return { kind: 'chunkCame', actId, bytes, totalBytes };
      }
      case 'appendPartial':
        await store.appendPartial(digest, act.fromByte, act.bytes);
        return { kind: 'done', actId };
      case 'finish':
        await store.finish(digest);
        return { kind: 'done', actId };
      case 'discardPartial':
        await store.discardPartial(digest);
        return { kind: 'done', actId };
      default:
        return unreachable(act);
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    if (act.kind === 'askChunk') return { kind: 'chunkFailed', actId, reason };
    const wrong =
      error instanceof ImageError && (error.code === 'WRONG_DIGEST' || error.code === 'OUT_OF_PLACE');
    return { kind: 'failed', actId, wrong, reason };
  }
}

function nowUs(): number {
  return Math.floor(performance.now() * 1_000);
}
