/** Bytes at the edges; inside ordered maps a key is a latin1 string, one char a byte, so that `<` is byte order. */
export const noBytes: Uint8Array = new Uint8Array(0);

/** Chunk for String.fromCharCode.apply: far below every engine's limit on arguments. */
const chunkBytes = 4_096;

/** One char a byte, chars 0..255. */
export function latin1FromBytes(bytes: Uint8Array): string {
  if (bytes.length <= chunkBytes) return String.fromCharCode.apply(null, bytes as unknown as number[]);
  let text = '';
  for (let at = 0; at < bytes.length; at += chunkBytes) {
    text += String.fromCharCode.apply(null, bytes.subarray(at, at + chunkBytes) as unknown as number[]);
  }
  return text;
}

/** The inverse of `latin1FromBytes`; the caller guarantees chars 0..255. */
export function bytesFromLatin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const whole = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

export function equalBytes(left: Uint8Array, right: Uint8Array): boolean {
  if (left.length !== right.length) return false;
  for (let at = 0; at < left.length; at += 1) if (left[at] !== right[at]) return false;
  return true;
}

/** Byte order: negative, zero or positive. */
export function compareBytes(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let at = 0; at < length; at += 1) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

/** Byte order of latin1 strings, as a comparator. */
export function compareKeys(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
