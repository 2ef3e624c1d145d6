import { latin1FromBytes } from './bytes.ts';

/**
 * UTF-8 without the platform's TextEncoder and TextDecoder, which core does not know.
 *
 * Source: RFC 3629.
 */

/** The bytes of the text; lone surrogates become U+FFFD, as everywhere on the web. */
export function utf8FromText(text: string): Uint8Array {
  const bytes = new Uint8Array(utf8LengthOf(text));
  writeUtf8(text, bytes, 0);
  return bytes;
}

export function utf8LengthOf(text: string): number {
  let length = text.length;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) continue;
    if (unit < 0x800) length += 1;
    else {
      length += 2;
      if (!isPair(text, at)) continue;
      // Two units make four bytes.
      at += 1;
    }
  }
  return length;
}

/** @returns the position behind what was written; the caller has made room for `utf8LengthOf(text)` bytes */
export function writeUtf8(text: string, target: Uint8Array, start: number): number {
  let to = start;
  for (let at = 0; at < text.length; at += 1) {
    const unit = text.charCodeAt(at);
    if (unit < 0x80) {
      target[to++] = unit;
      continue;
    }
    if (unit < 0x800) {
      target[to++] = 0xc0 | (unit >> 6);
    } else if (isPair(text, at)) {
      at += 1;
      const point = 0x10000 + ((unit - 0xd800) << 10) + (text.charCodeAt(at) - 0xdc00);
      target[to++] = 0xf0 | (point >> 18);
      target[to++] = 0x80 | ((point >> 12) & 0x3f);
      target[to++] = 0x80 | ((point >> 6) & 0x3f);
      target[to++] = 0x80 | (point & 0x3f);
      continue;
    } else {
      const point = isSurrogate(unit) ? 0xfffd : unit;
      target[to++] = 0xe0 | (point >> 12);
      target[to++] = 0x80 | ((point >> 6) & 0x3f);
      target[to++] = 0x80 | (point & 0x3f);
      continue;
    }
    target[to++] = 0x80 | (unit & 0x3f);
  }
  return to;
}

/** Undefined when the bytes are not UTF-8: overlong forms, surrogates and what is above U+10FFFF are not. */
export function textFromUtf8(bytes: Uint8Array): string | undefined {
  let at = 0;
  while (at < bytes.length && (bytes[at] as number) < 0x80) at += 1;
  let text = latin1FromBytes(bytes.subarray(0, at));
  while (at < bytes.length) {
    const first = bytes[at] as number;
    const more =
      first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
    if (more < 0 || at + more >= bytes.length) return undefined;
    let point = more === 0 ? first : first & (0x3f >> more);
    for (let count = 1; count <= more; count += 1) {
      const next = bytes[at + count] as number;
      if ((next & 0xc0) !== 0x80) return undefined;
      point = (point << 6) | (next & 0x3f);
    }
    if ((more === 2 && point < 0x800) || (more === 3 && point < 0x10000)) return undefined;
    if (point > 0x10ffff || isSurrogate(point)) return undefined;
    text += String.fromCodePoint(point);
    at += more + 1;
  }
  return text;
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff;
}

/** Whether a high surrogate stands at `at` and a low one behind it. */
function isPair(text: string, at: number): boolean {
  const high = text.charCodeAt(at);
  if (high < 0xd800 || high > 0xdbff || at + 1 >= text.length) return false;
  const low = text.charCodeAt(at + 1);
  return low >= 0xdc00 && low <= 0xdfff;
}
