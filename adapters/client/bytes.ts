import { latin1FromBytes } from '../../core/base/bytes.ts';
import { utf8Encode } from '../../core/wire/protobuf.ts';

/** Keys and values go in as bytes, or as text that stands for its UTF-8 bytes. */
export type Bytes = string | Uint8Array;

export function bytesOf(given: Bytes): Uint8Array {
  return typeof given === 'string' ? utf8Encode(given) : given;
}

/** A key as the machines have it: a char a byte. */
export function keyOf(given: Bytes): string {
  return latin1FromBytes(bytesOf(given));
}
