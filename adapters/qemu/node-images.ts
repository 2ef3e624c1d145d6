import { type Digest } from '../../core/plasma/types.ts';

export interface NodeImage {
  readonly path: string;
  /** As it was told when it was imported: never found out by looking at the bytes, which a guest may have written. */
  readonly format: 'raw' | 'qcow2';
}

/** Images on a node, by content. They are read only, and stay as long as an overlay is on top of them. */
export interface NodeImages {
  /** Fetches it if it is not there. Rejects with a message for operators if it cannot be had. */
  image(digest: Digest): Promise<NodeImage>;
  /** What is there, whole and checked. */
  digests(): Promise<readonly Digest[]>;
}
