import { assert } from '../../base/assert.ts';
import { storeKeyBytesMax } from '../../storage/backend.ts';

/**
 * Keys of the store's tables.
 *
 * `current` is keyed by the user's key as it is. `history` is keyed by revision: 8 bytes of main revision, 4 bytes of
 * sub-revision, big-endian, so that byte order is the order of change. `index` is keyed by the escaped user key and then the
 * revision, so that the revisions of a key lie together, oldest first, and keys lie in byte order. Escaping: every 0x00
 * becomes 0x00 0xff, and 0x00 0x01 ends the key. A terminator sorts below everything that may follow an equal prefix (an
 * escaped zero, or a byte of 0x01 and above), so order is kept, and no escaped key is a prefix of another.
 */
export const currentTable = 'current';
export const historyTable = 'history';
export const indexTable = 'index';
export const metaTable = 'meta';

/** The length of a key in `history`, and of the tail of a key in `index`. */
export const revisionKeyBytes = 12;
const terminator = '\x00\x01';
/** Sorts directly behind every revision of the key whose terminator it replaces, before any longer key. */
const behindTerminator = '\x00\x02';
const two32 = 4_294_967_296;

/** A key's bytes, every zero byte counted twice, at most: its row in `index` must still fit into the store. */
export const keyBytesMax = 1_900;
assert(
  keyBytesMax + terminator.length + revisionKeyBytes <= storeKeyBytesMax,
  'the longest user key still fits into the store with its revision',
);

/** What counts against `keyBytesMax`. */
export function escapedBytes(key: string): number {
  let zeros = 0;
  for (let at = key.indexOf('\x00'); at >= 0; at = key.indexOf('\x00', at + 1)) zeros += 1;
  return key.length + zeros;
}

function escapeKey(key: string): string {
  return key.includes('\x00') ? key.replaceAll('\x00', '\x00\xff') : key;
}

/** Key in `history`. */
export function revisionKey(main: number, sub: number): string {
  const high = Math.floor(main / two32);
  const low = main % two32;
  return String.fromCharCode(
    high >>> 24,
    (high >>> 16) & 0xff,
    (high >>> 8) & 0xff,
    high & 0xff,
    low >>> 24,
    (low >>> 16) & 0xff,
    (low >>> 8) & 0xff,
    low & 0xff,
    sub >>> 24,
    (sub >>> 16) & 0xff,
    (sub >>> 8) & 0xff,
    sub & 0xff,
  );
}

/** Main revision of a key in `history`, or of a key in `index` when `at` is where its revision begins. */
export function mainRevisionOf(key: string, at = 0): number {
  return uint32At(key, at) * two32 + uint32At(key, at + 4);
}

function uint32At(text: string, at: number): number {
  return (
    ((text.charCodeAt(at) << 24) |
      (text.charCodeAt(at + 1) << 16) |
      (text.charCodeAt(at + 2) << 8) |
      text.charCodeAt(at + 3)) >>>
    0
  );
}

/** Key in `index` of one revision of a key, given as its key in `history`. */
export function indexKey(key: string, revision: string): string {
  return escapeKey(key) + terminator + revision;
}

/** Where the revisions of a key begin in `index`. */
export function indexFrom(key: string): string {
  return escapeKey(key) + terminator;
}

/** The key in `history` that a key in `index` points to. */
export function revisionOfIndexKey(index: string): string {
  return index.slice(index.length - revisionKeyBytes);
}

/** Main revision of a row of `index`. */
export function mainRevisionOfIndexKey(index: string): number {
  return mainRevisionOf(index, index.length - revisionKeyBytes);
}

/** The first part of a key in `index`: what all revisions of one key share. */
export function prefixOfIndexKey(index: string): string {
  return index.slice(0, index.length - revisionKeyBytes);
}

/** The user's key of a key in `index`. */
export function keyOfIndexKey(index: string): string {
  const escaped = index.slice(0, index.length - revisionKeyBytes - terminator.length);
  return escaped.includes('\x00') ? escaped.replaceAll('\x00\xff', '\x00') : escaped;
}

/** Behind every revision of the key that `prefix` (of `prefixOfIndexKey`) belongs to. */
export function behindIndexPrefix(prefix: string): string {
  return prefix.slice(0, prefix.length - terminator.length) + behindTerminator;
}

/**
 * The place in `current` that a bound of user keys corresponds to. A bound may be longer than any key that is stored, and
 * than any that the store takes; cut to just behind the longest, it divides the stored keys the same way.
 */
export function currentBound(key: string): string {
  return cutBehind(key, keyBytesMax);
}

/** The place in `index` that a bound of user keys corresponds to. */
export function indexBound(key: string): string {
  return cutBehind(escapeKey(key), keyBytesMax + terminator.length + revisionKeyBytes);
}

function cutBehind(bound: string, lengthMax: number): string {
  return bound.length <= lengthMax ? bound : `${bound.slice(0, lengthMax)}\x00`;
}
