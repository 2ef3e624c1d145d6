import { present } from '../../core/base/assert.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import { RollingHash } from '../../core/base/rolling-hash.ts';
import { type ImageChunkRequest } from '../../core/plasma/agent-protocol.ts';
import { type Digest } from '../../core/plasma/types.ts';
import { clientAddress } from '../network/conditions.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';
import { type ServerProcess } from './processes.ts';

/** An image as its owner has it. */
export interface SimulatedImage {
  readonly name: string;
  readonly digest: Digest;
  readonly bytes: Uint8Array;
}

export type ChunkEnd =
  | { readonly kind: 'came'; readonly bytes: Uint8Array; readonly totalBytes: number }
  | { readonly kind: 'failed'; readonly reason: string };

export interface AskForChunk {
  readonly client: number;
  /** Position among the servers. */
  readonly server: number;
  readonly request: ImageChunkRequest;
  readonly timeoutUs: number;
  readonly ended: (end: ChunkEnd) => void;
}

const requestBytes = 256;
const readUsMax = 2_000;
/** A server that stands still reads on once it goes on. */
const lookAgainUs = 20_000;
const salts = [1, 2, 3, 4] as const;

/** Stands for SHA-256: other bytes have another one, unless somebody means them not to. */
export function digestOf(bytes: Uint8Array): Digest {
  const lanes = salts.map((salt) => {
    const hash = new RollingHash();
    hash.number(salt);
    hash.bytes(bytes);
    return hash.digest();
  });
  return `sha256:${lanes.join('')}`;
}

/**
 * Images, and the copies that servers have of them, which outlive the servers' processes: a copy can be lost, come to harm, and
 * be imported anew. Pieces of them cross the network.
 */
export class ServerImages {
  readonly images: readonly SimulatedImage[];
  readonly #world: World;
  readonly #network: Network;
  readonly #prng: Prng;
  readonly #servers: readonly ServerProcess[];
  /** By server's position. */
  readonly #copies: readonly Map<Digest, Uint8Array>[];

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly prng: Prng;
    readonly plans: readonly { readonly fileBytes: number }[];
    readonly servers: readonly ServerProcess[];
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#prng = options.prng;
    this.#servers = options.servers;
    this.images = options.plans.map(({ fileBytes }, at) => {
      const bytes = drawBytes(options.prng.fork(`image ${at}`), fileBytes);
      return { name: `image-${at}`, digest: digestOf(bytes), bytes };
    });
    this.#copies = this.#servers.map(
      () => new Map(this.images.map(({ digest, bytes }) => [digest, bytes] as const)),
    );
  }

  /** As its owner has it. */
  original(digest: Digest): Uint8Array {
    const found = this.images.find((image) => image.digest === digest);
    return present(found, `an image of the cloud, not ${digest}`).bytes;
  }

  lose(server: number, digest: Digest): void {
    this.#of(server).delete(digest);
  }

  /** One byte of the copy becomes another. */
  spoil(server: number, digest: Digest): void {
    const bytes = this.original(digest).slice();
    const at = this.#prng.below(bytes.length);
    bytes[at] = (bytes[at] as number) ^ between(this.#prng, 1, 255);
    this.#of(server).set(digest, bytes);
  }

  importAnew(server: number, digest: Digest): void {
    this.#of(server).set(digest, this.original(digest));
  }

  /** A piece is asked for, read, and sent: any of it may come late or never. */
  ask(asked: AskForChunk): void {
    const process = present(this.#servers[asked.server], 'an image is asked of a server');
    let over = false;
    const end = (how: ChunkEnd): void => {
      if (over) return;
      over = true;
      asked.ended(how);
    };
    const client = clientAddress(asked.client);
    const answer = (bytes: number, how: ChunkEnd): void => {
      const { node: from, boot } = process;
      this.#network.send({
        ...{ from, to: client, bytes, carriage: 'stream', carries: { kind: 'imageChunk' } },
        arrived: () => {
          end(process.connected(boot) ? how : { kind: 'failed', reason: 'connection reset' });
        },
      });
    };
    this.#network.send({
      ...{ from: client, to: process.node as NodeId, bytes: requestBytes, carriage: 'stream' },
      carries: { kind: 'askImageChunk' },
      arrived: () => {
        if (!process.alive) answer(requestBytes, { kind: 'failed', reason: 'connection refused' });
        else this.#read(process, process.boot, asked, answer);
      },
    });
    this.#world.after(asked.timeoutUs, () => {
      end({ kind: 'failed', reason: 'deadline exceeded' });
    });
  }

  #read(
    process: ServerProcess,
    boot: number,
    asked: AskForChunk,
    answer: (bytes: number, how: ChunkEnd) => void,
  ): void {
    this.#world.after(process.paused ? lookAgainUs : between(this.#prng, 50, readUsMax), () => {
      if (process.paused) return this.#read(process, boot, asked, answer);
      if (process.boot !== boot || !process.alive) return;
      const { digest, fromByte, bytesMax } = asked.request;
      const copy = this.#of(asked.server).get(digest);
      if (copy === undefined) {
        answer(requestBytes, { kind: 'failed', reason: `there is no image ${digest}` });
        return;
      }
      const bytes = copy.slice(fromByte, fromByte + bytesMax);
      answer(requestBytes + bytes.length, { kind: 'came', bytes, totalBytes: copy.length });
    });
  }

  #of(server: number): Map<Digest, Uint8Array> {
    return present(this.#copies[server], 'a server has copies');
  }
}

function drawBytes(prng: Prng, fileBytes: number): Uint8Array {
  return Uint8Array.from({ length: fileBytes }, () => prng.below(256));
}
