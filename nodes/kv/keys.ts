import { bytesFromLatin1, latin1FromBytes } from '../../core/base/bytes.ts';
import { fromKeyEnd, prefixEnd } from '../../core/chainfire/client/key-prefix.ts';
import { utf8Encode } from '../../core/wire/protobuf.ts';

/** Keys on the command line are UTF-8 text; in the machines they are bytes as latin1 strings. */
export function keyOf(text: string): string {
  return latin1FromBytes(utf8Encode(text));
}

export function keyBytes(key: string): Uint8Array {
  return bytesFromLatin1(key);
}

export interface KeyRange {
  readonly key: string;
  readonly rangeEnd: string;
}

/** @param end exclusive end as text, when one was given */
export function rangeOf(
  key: string,
  end: string | undefined,
  options: { prefix?: boolean; fromKey?: boolean },
): KeyRange {
  const from = keyOf(key);
  if (options.prefix === true)
    return from === '' ? { key: '\0', rangeEnd: fromKeyEnd } : { key: from, rangeEnd: prefixEnd(from) };
  if (options.fromKey === true) return { key: from === '' ? '\0' : from, rangeEnd: fromKeyEnd };
  return { key: from, rangeEnd: end === undefined ? '' : keyOf(end) };
}
