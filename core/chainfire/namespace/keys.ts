import { leaseKey } from '../lease/keys.ts';

/**
 * Keys of the two tables of namespaces. `namespace` has a row for each, keyed by its number, eight bytes big-endian;
 * `namespaceLease` counts the keys that a lease has in a namespace, keyed by the namespace's number and the lease's id.
 */
export const namespaceTable = 'namespace';
export const namespaceLeaseTable = 'namespaceLease';

/** Key in `namespace`, and the beginning of every key of it in `namespaceLease`. */
export function namespaceKey(id: number): string {
  return leaseKey(BigInt(id));
}

export function namespaceLeaseKey(id: number, lease: bigint): string {
  return namespaceKey(id) + leaseKey(lease);
}
