import { type KeyValue } from '../api/kv.ts';

/** Whoever keeps sums over the keys that there are: told of each change as it is made. */
export interface KeyAccounts {
  /** Nobody is interested: nothing need be said. */
  readonly isEmpty: boolean;
  put(key: string, previous: KeyValue | undefined, next: Pick<KeyValue, 'value' | 'lease'>): void;
  /** @param row the key's last record */
  deleted(key: string, row: Uint8Array): void;
}
