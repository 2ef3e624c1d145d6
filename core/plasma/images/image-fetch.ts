import { assert, unreachable } from '../../base/assert.ts';
import { type Machine, type TickEvent } from '../../base/machine.ts';
import { type ImageChunkRequest } from '../agent-protocol.ts';
import { type Digest } from '../types.ts';

/** Fetching of one image into a partial file that outlives the process. Every act is answered by one event with its number. */
export type ImageFetchAct =
  /** Ask one of the servers for a piece. */
  | {
      readonly kind: 'askChunk';
      readonly actId: number;
      /** Its position among the servers. */
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
      /** Of the whole image. */
      readonly totalBytes: number;
    }
  | { readonly kind: 'chunkFailed'; readonly actId: number; readonly reason: string }
  | { readonly kind: 'done'; readonly actId: number }
  /** `wrong`: digest or header are not those of the image. */
  | { readonly kind: 'failed'; readonly actId: number; readonly wrong: boolean; readonly reason: string };

export type ImageFetchEffect =
  | { readonly kind: 'act'; readonly act: ImageFetchAct }
  /** The image is there, whole. */
  | { readonly kind: 'fetched'; readonly digest: Digest }
  | { readonly kind: 'gaveUp'; readonly digest: Digest; readonly reason: string };

export interface ImageFetchOptions {
  readonly digest: Digest;
  /** What of it is there from an earlier attempt. */
  readonly partialBytes: number;
  readonly servers: number;
  /** An image that says to be larger is not fetched. */
  readonly bytesMax: number;
  /** Of a piece. Default, and the most: `chunkBytesMax`. */
  readonly chunkBytes?: number;
}

export const chunkBytesMax = 1_048_576;
const chunkTimeoutUs = 30_000_000;
/** In a row, without a piece that came. */
const failuresMax = 12;
/** A whole that turned out to be another one is fetched once more from its beginning: a piece may have come to harm. */
const wholesMax = 2;
const backoffUsMin = 250_000;
const backoffUsMax = 30_000_000;

type Phase = 'idle' | 'asking' | 'appending' | 'finishing' | 'discarding' | 'ended';

/**
 * Fetches one image, piece after piece, from where an earlier attempt had come to. A piece that does not come is asked of the
 * next server, after a while that grows; the whole counts only when its digest is right, and is never used otherwise.
 */
export class ImageFetch implements Machine<ImageFetchEvent, ImageFetchEffect> {
  readonly #options: ImageFetchOptions;
  readonly #chunkBytes: number;
  #phase: Phase = 'idle';
  #partialBytes: number;
  #totalBytes: number | undefined;
  #actId = 0;
  #server = 0;
  #failures = 0;
  #wholes = 0;
  #askAtUs: number;
  #effects: ImageFetchEffect[] = [];

  constructor(options: ImageFetchOptions, nowUs: number) {
    assert(options.servers > 0, 'somebody is asked');
    this.#options = options;
    this.#chunkBytes = options.chunkBytes ?? chunkBytesMax;
    assert(this.#chunkBytes > 0 && this.#chunkBytes <= chunkBytesMax, 'pieces are of a size that is served');
    this.#partialBytes = options.partialBytes;
    this.#askAtUs = nowUs;
  }

  /** While it waits for an act, whoever carries that out has the deadline. */
  get deadlineUs(): number {
    return this.#phase === 'idle' ? this.#askAtUs : Infinity;
  }

  get progress(): { readonly fetchedBytes: number; readonly totalBytes: number | undefined } {
    return { fetchedBytes: this.#partialBytes, totalBytes: this.#totalBytes };
  }

  step(event: ImageFetchEvent, nowUs: number): readonly ImageFetchEffect[] {
    if (event.kind === 'tick') {
      if (this.#phase === 'idle' && nowUs >= this.#askAtUs) this.#ask();
    } else if (event.actId === this.#actId && this.#phase !== 'ended') {
      this.#onAnswer(event, nowUs);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #onAnswer(event: Exclude<ImageFetchEvent, TickEvent>, nowUs: number): void {
    switch (event.kind) {
      case 'chunkCame':
        if (this.#phase === 'asking') this.#onChunk(event.bytes, event.totalBytes, nowUs);
        break;
      case 'chunkFailed':
        if (this.#phase === 'asking') this.#onFailure(event.reason, nowUs);
        break;
      case 'done':
        this.#onDone();
        break;
      case 'failed':
        if (event.wrong) this.#onWrong(event.reason);
        else this.#onFailure(event.reason, nowUs);
        break;
      default:
        unreachable(event);
    }
  }

  #ask(): void {
    const fromByte = this.#partialBytes;
    const request = { digest: this.#options.digest, fromByte, bytesMax: this.#chunkBytes };
    this.#phase = 'asking';
    this.#act((actId) => ({
      ...{ kind: 'askChunk', actId, request },
      server: this.#server,
      timeoutUs: chunkTimeoutUs,
    }));
  }

  #onChunk(bytes: Uint8Array, totalBytes: number, nowUs: number): void {
    const known = this.#totalBytes ?? totalBytes;
    if (!Number.isSafeInteger(totalBytes) || totalBytes < 1 || totalBytes !== known) {
      this.#onFailure(`a server says that the image has ${totalBytes} bytes`, nowUs);
      return;
    }
    if (totalBytes > this.#options.bytesMax) {
      this.#giveUp(`the image has ${totalBytes} bytes, ${this.#options.bytesMax} are the most`);
      return;
    }
    if (this.#partialBytes > totalBytes) {
      this.#onWrong(`${this.#partialBytes} bytes are there of an image of ${totalBytes}`);
      return;
    }
    const missing = totalBytes - this.#partialBytes;
    if (bytes.length > Math.min(missing, this.#chunkBytes) || (bytes.length === 0 && missing > 0)) {
      this.#onFailure(`a server has sent ${bytes.length} bytes where ${missing} are missing`, nowUs);
      return;
    }
    this.#totalBytes = totalBytes;
    this.#failures = 0;
    if (bytes.length === 0) {
      this.#finish();
      return;
    }
    this.#phase = 'appending';
    const fromByte = this.#partialBytes;
    this.#partialBytes += bytes.length;
    this.#act((actId) => ({ kind: 'appendPartial', actId, fromByte, bytes }));
  }

  #onDone(): void {
    switch (this.#phase) {
      case 'appending':
        if (this.#partialBytes === this.#totalBytes) this.#finish();
        else this.#ask();
        break;
      case 'finishing':
        this.#phase = 'ended';
        this.#effects.push({ kind: 'fetched', digest: this.#options.digest });
        break;
      case 'discarding':
        this.#partialBytes = 0;
        this.#totalBytes = undefined;
        // Whoever it came from may have it wrong.
        this.#nextServer();
        this.#ask();
        break;
      case 'idle':
      case 'asking':
      case 'ended':
        break;
      default:
        unreachable(this.#phase);
    }
  }

  #finish(): void {
    this.#phase = 'finishing';
    this.#act((actId) => ({ kind: 'finish', actId }));
  }

  #onFailure(reason: string, nowUs: number): void {
    // What could not be kept or thrown away is a matter of this machine's disk: no server helps.
    if (this.#phase !== 'asking') {
      this.#giveUp(reason);
      return;
    }
    this.#failures += 1;
    if (this.#failures >= failuresMax) {
      this.#giveUp(`${reason}; ${failuresMax} attempts in a row have failed`);
      return;
    }
    this.#nextServer();
    this.#phase = 'idle';
    this.#askAtUs = nowUs + Math.min(backoffUsMin * 2 ** (this.#failures - 1), backoffUsMax);
  }

  #onWrong(reason: string): void {
    this.#wholes += 1;
    if (this.#wholes >= wholesMax) {
      this.#giveUp(reason);
      return;
    }
    this.#phase = 'discarding';
    this.#act((actId) => ({ kind: 'discardPartial', actId }));
  }

  #giveUp(reason: string): void {
    this.#phase = 'ended';
    this.#effects.push({ kind: 'gaveUp', digest: this.#options.digest, reason });
  }

  #nextServer(): void {
    this.#server = (this.#server + 1) % this.#options.servers;
  }

  #act(make: (actId: number) => ImageFetchAct): void {
    this.#actId += 1;
    this.#effects.push({ kind: 'act', act: make(this.#actId) });
  }
}
