import { fetchImage } from '../../../adapters/images/fetch-image.ts';
import { type ImageStore, type StoredImage } from '../../../adapters/images/image-store.ts';
import { type PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { type NodeImage, type NodeImages } from '../../../adapters/qemu/node-images.ts';
import { type Digest } from '../../../core/plasma/types.ts';

const usPerMs = 1_000;

/** Images of a node: fetched from whichever server has them, once each. */
export class AgentImages implements NodeImages {
  readonly #store: ImageStore;
  readonly #servers: readonly PlasmaClient[];
  readonly #fileBytesMax: number;
  readonly #fetches = new Map<Digest, Promise<StoredImage>>();
  readonly #end = new AbortController();

  constructor(store: ImageStore, servers: readonly PlasmaClient[], fileBytesMax: number) {
    this.#store = store;
    this.#servers = servers;
    this.#fileBytesMax = fileBytesMax;
  }

  async image(digest: Digest): Promise<NodeImage> {
    const { format } = await this.#fetched(digest);
    return { path: this.#store.pathOf(digest), format };
  }

  digests(): Promise<readonly Digest[]> {
    return this.#store.list();
  }

  close(): void {
    this.#end.abort(new Error('the agent is stopping'));
  }

  /** One fetch of a digest at a time. */
  #fetched(digest: Digest): Promise<StoredImage> {
    const underWay = this.#fetches.get(digest);
    if (underWay !== undefined) return underWay;
    const fetch = fetchImage({
      store: this.#store,
      digest,
      servers: this.#servers.length,
      ask: (server, request, { timeoutUs }) => {
        const client = this.#servers[server];
        if (client === undefined) return Promise.reject(new Error(`there is no server ${server}`));
        return client.fetchImage(request, timeoutUs / usPerMs);
      },
      fileBytesMax: this.#fileBytesMax,
      signal: this.#end.signal,
    }).finally(() => this.#fetches.delete(digest));
    this.#fetches.set(digest, fetch);
    return fetch;
  }
}
