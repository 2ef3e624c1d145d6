import { unreachable } from '../../core/base/assert.ts';
import {
  ImageFetch,
  type ImageFetchAct,
  type ImageFetchEvent,
} from '../../core/plasma/images/image-fetch.ts';
import { type Digest } from '../../core/plasma/types.ts';
import { type ChunkEnd } from './images.ts';
import { type ImageFileEnd, type NodeImageFiles } from './node-images.ts';

/** Whoever serves images to a machine, and who looks on. */
export interface ImageSupply {
  readonly servers: number;
  readonly chunkBytes: number;
  ask(act: Extract<ImageFetchAct, { kind: 'askChunk' }>, ended: (end: ChunkEnd) => void): void;
  /** Before it is done. */
  acting(digest: Digest, act: ImageFetchAct): void;
}

/** The machine that images are fetched to. */
export interface FetchingMachine {
  readonly images: NodeImageFiles;
  delayUs(fromUs: number, toUs: number): number;
  later(delayUs: number, go: () => void): void;
  readonly nowUs: number;
}

interface Flight {
  readonly waiting: ((failure: string | undefined) => void)[];
}

const fileBytesMax = 1_048_576;
const appendUsMin = 2_000;
const appendUsMax = 40_000;

interface Writing {
  readonly fromByte: number;
  readonly bytes: Uint8Array;
}

/** Fetches images for the agent that lives, one fetch of each at a time: what `fetchImage` and `AgentImages` do in production. */
export class ImageFetches {
  readonly #machine: FetchingMachine;
  readonly #supply: ImageSupply | undefined;
  /** Of the agent that lives. */
  #flights = new Map<Digest, Flight>();
  /** Pieces on their way to the disk. */
  readonly #writing = new Map<Digest, Writing>();

  constructor(machine: FetchingMachine, supply: ImageSupply | undefined) {
    this.#machine = machine;
    this.#supply = supply;
  }

  get underWay(): boolean {
    return this.#flights.size > 0;
  }

  /** @param ended why it could not be had; undefined: it is there. Not told once the agent has died */
  need(digest: Digest, ended: (failure: string | undefined) => void): void {
    const { images } = this.#machine;
    if (this.#supply === undefined) images.take(digest);
    if (this.#supply === undefined || images.whole(digest) !== undefined) {
      ended(undefined);
      return;
    }
    const underWay = this.#flights.get(digest);
    if (underWay !== undefined) {
      underWay.waiting.push(ended);
      return;
    }
    const flight: Flight = { waiting: [ended] };
    this.#flights.set(digest, flight);
    const { servers, chunkBytes } = this.#supply;
    const partialBytes = images.partial(digest).length;
    const options = { digest, partialBytes, servers, chunkBytes, bytesMax: fileBytesMax };
    this.#step(digest, flight, new ImageFetch(options, this.#machine.nowUs), { kind: 'tick' });
  }

  /** Of a piece that was being written any part is there. */
  agentDied(): void {
    this.#flights = new Map();
    for (const [digest, { fromByte, bytes }] of this.#writing)
      this.#machine.images.append(digest, fromByte, bytes.slice(0, this.#machine.delayUs(0, bytes.length)));
    this.#writing.clear();
  }

  #step(digest: Digest, flight: Flight, fetch: ImageFetch, event: ImageFetchEvent): void {
    if (this.#flights.get(digest) !== flight) return;
    const { nowUs } = this.#machine;
    const [effect] = fetch.step(event, nowUs);
    if (effect === undefined) {
      if (fetch.deadlineUs === Infinity) return;
      const waitUs = Math.max(1, fetch.deadlineUs - nowUs);
      this.#machine.later(waitUs, () => this.#step(digest, flight, fetch, { kind: 'tick' }));
    } else if (effect.kind === 'act') {
      this.#supply?.acting(digest, effect.act);
      this.#carryOut(digest, flight, effect.act, (next) => this.#step(digest, flight, fetch, next));
    } else {
      this.#flights.delete(digest);
      const failure =
        effect.kind === 'gaveUp' ? `${digest} could not be fetched: ${effect.reason}` : undefined;
      for (const ended of flight.waiting) ended(failure);
    }
  }

  #carryOut(
    digest: Digest,
    flight: Flight,
    act: ImageFetchAct,
    answer: (event: ImageFetchEvent) => void,
  ): void {
    const { images } = this.#machine;
    const { actId } = act;
    const ended = (end: ImageFileEnd): void =>
      answer(
        end === 'done'
          ? { kind: 'done', actId }
          : { kind: 'failed', actId, wrong: true, reason: `what is there is not ${digest}` },
      );
    const later = (fromUs: number, toUs: number, go: () => void): void =>
      this.#machine.later(this.#machine.delayUs(fromUs, toUs), () => {
        if (this.#flights.get(digest) === flight) go();
      });
    switch (act.kind) {
      case 'askChunk':
        this.#supply?.ask(act, (end) =>
          later(0, 0, () =>
            answer(
              end.kind === 'came'
                ? { kind: 'chunkCame', actId, bytes: end.bytes, totalBytes: end.totalBytes }
                : { kind: 'chunkFailed', actId, reason: end.reason },
            ),
          ),
        );
        return;
      case 'appendPartial': {
        const { fromByte, bytes } = act;
        this.#writing.set(digest, { fromByte, bytes });
        later(appendUsMin, appendUsMax, () => {
          this.#writing.delete(digest);
          ended(images.append(digest, fromByte, bytes));
        });
        return;
      }
      case 'finish':
        later(5_000, 100_000, () => ended(images.finish(digest)));
        return;
      case 'discardPartial':
        later(500, 5_000, () => {
          images.discard(digest);
          answer({ kind: 'done', actId });
        });
        return;
      default:
        unreachable(act);
    }
  }
}
