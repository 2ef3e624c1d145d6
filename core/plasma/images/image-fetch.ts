import { type Machine, type TickEvent } from '../../base/machine.ts';
import { type ImageChunkRequest } from '../agent-protocol.ts';
import { type Digest } from '../types.ts';

/**
 * Fetching of one image into a partial file that outlives the process. Every `act` is answered by one event with its number.
 */
export type ImageFetchAct =
  /** Ask one of the servers for a piece; `server` counts up, modulo as many as there are. */
  | {
      readonly kind: 'askChunk';
      readonly actId: number;
      readonly server: number;
      readonly request: ImageChunkRequest;
      readonly timeoutUs: number;
    }
  /** Append to the partial file, which is `fromByte` long. */
  | {
      readonly kind: 'appendPartial';
      readonly actId: number;
      readonly fromByte: number;
      readonly bytes: Uint8Array;
    }
  /** Compare the digest and the header of the whole; when they are right, make the image durable under its name. */
  | { readonly kind: 'finish'; readonly actId: number }
  /** What is there is not the image: begin anew. */
  | { readonly kind: 'discardPartial'; readonly actId: number };

export type ImageFetchEvent =
  | TickEvent
  | {
      readonly kind: 'chunkCame';
      readonly actId: number;
      readonly bytes: Uint8Array;
      readonly totalBytes: number;
    }
  | { readonly kind: 'chunkFailed'; readonly actId: number; readonly reason: string }
  | { readonly kind: 'done'; readonly actId: number }
  /** `wrong`: digest or header are not those of the image. */
  | { readonly kind: 'failed'; readonly actId: number; readonly wrong: boolean; readonly reason: string };

export type ImageFetchEffect =
  | { readonly kind: 'act'; readonly act: ImageFetchAct; readonly afterSyncSeq: number }
  /** The image is there, whole. */
  | { readonly kind: 'fetched'; readonly digest: Digest }
  | { readonly kind: 'gaveUp'; readonly digest: Digest; readonly reason: string };

export interface ImageFetchOptions {
  readonly digest: Digest;
  /** What of it is there from an earlier attempt. */
  readonly partialBytes: number;
  readonly servers: number;
  readonly bytesMax: number;
}

export type ImageFetchMachine = Machine<ImageFetchEvent, ImageFetchEffect>;
