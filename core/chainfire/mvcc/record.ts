import { assert } from '../../base/assert.ts';
import { noBytes } from '../../base/bytes.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type KeyValue } from '../api/kv.ts';

/**
 * A record: what one change made of a key. The same bytes lie in `history` under the revision of the change, and in
 * `current` under the key for as long as no later change touches it; a tombstone lies in `history` only.
 *
 * Layout: kind (one byte), key, mod_revision; for a put also create_revision, version, lease (only when the kind says so)
 * and the value, to the end.
 */
const tombstoneKind = 0;
const putKind = 1;
const leasedPutKind = 2;

const writer = new WireWriter();

export function encodePut(kv: KeyValue): Uint8Array {
  const leased = kv.lease !== 0n;
  writer.reset();
  writer.byte(leased ? leasedPutKind : putKind);
  writer.latin1(kv.key);
  writer.varint(kv.modRevision);
  writer.varint(kv.createRevision);
  writer.varint(kv.version);
  if (leased) writer.uint64(kv.lease);
  writer.raw(kv.value);
  return writer.finish();
}

export function encodeTombstone(key: string, modRevision: number): Uint8Array {
  writer.reset();
  writer.byte(tombstoneKind);
  writer.latin1(key);
  writer.varint(modRevision);
  return writer.finish();
}

/** A tombstone decodes as etcd shows a deleted key: its key and mod_revision, version 0. */
export function decodeRecord(bytes: Uint8Array): KeyValue {
  const reader = new WireReader(bytes);
  const kind = reader.byte();
  assert(kind <= leasedPutKind, 'a record is of a known kind');
  const key = reader.latin1();
  const modRevision = reader.varint();
  if (kind === tombstoneKind) {
    return { key, createRevision: 0, modRevision, version: 0, value: noBytes, lease: 0n };
  }
  const createRevision = reader.varint();
  const version = reader.varint();
  const lease = kind === leasedPutKind ? reader.uint64() : 0n;
  return { key, createRevision, modRevision, version, value: bytes.subarray(reader.position), lease };
}

/** The lease that the key of a record is attached to; 0: none. */
export function leaseOfRecord(bytes: Uint8Array): bigint {
  return bytes[0] === leasedPutKind ? decodeRecord(bytes).lease : 0n;
}

/** A record's key, without decoding the rest. */
export function keyOfRecord(bytes: Uint8Array): string {
  return new WireReader(bytes, 1).latin1();
}

export function isTombstone(bytes: Uint8Array): boolean {
  return bytes[0] === tombstoneKind;
}

/** The key did not exist before: what lies before this record in the key's history, if anything, is a tombstone. */
export function isCreation(bytes: Uint8Array): boolean {
  if (isTombstone(bytes)) return false;
  const reader = new WireReader(bytes, 1);
  reader.bytes();
  return reader.varint() === reader.varint();
}
