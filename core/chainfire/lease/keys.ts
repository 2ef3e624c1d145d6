import { assert } from '../../base/assert.ts';
import { storeKeyBytesMax } from '../../storage/backend.ts';
import { keyBytesMax } from '../mvcc/keys.ts';

/**
 * Keys of the two tables of leases.
 *
 * `lease` is keyed by the lease's id, eight bytes big-endian. `leaseKey` is keyed by the same eight bytes and then the user's
 * key as it is, so that the keys of a lease lie together in their order; its values say nothing.
 */
export const leaseTable = 'lease';
export const leaseKeyTable = 'leaseKey';

/** Value of a row in `leaseKey`. */
export const attachedMark = Uint8Array.of(1);

const leaseKeyBytes = 8;
const idMax = 2n ** 64n - 1n;
assert(leaseKeyBytes + keyBytesMax <= storeKeyBytesMax, 'the longest user key fits behind a lease');

/** Key in `lease`, and the beginning of every key in `leaseKey`. */
export function leaseKey(id: bigint): string {
  assert(id >= 0n && id <= idMax, 'a lease id has 64 bits');
  const high = Number(id >> 32n);
  const low = Number(id & 0xffff_ffffn);
  return String.fromCharCode(
    high >>> 24,
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
  );
}

export function idOfLeaseKey(key: string): bigint {
  assert(key.length === leaseKeyBytes, 'a row of `lease` is keyed by an id');
  let id = 0n;
  for (let at = 0; at < leaseKeyBytes; at += 1) id = (id << 8n) | BigInt(key.charCodeAt(at));
  return id;
}

/** Key in `leaseKey` of a key that is attached to a lease. */
export function attachmentKey(id: bigint, key: string): string {
  return leaseKey(id) + key;
}

/** The user's key of a row in `leaseKey`. */
export function keyOfAttachment(attachment: string): string {
  return attachment.slice(leaseKeyBytes);
}

/** Where the rows of a lease end in `leaseKey`; undefined when nothing can lie behind them. */
export function behindAttachments(id: bigint): string | undefined {
  return id === idMax ? undefined : leaseKey(id + 1n);
}
