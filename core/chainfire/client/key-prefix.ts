/** Range end that means "every key from here on". */
export const fromKeyEnd = '\0';

/** The end of the range of all keys that begin with `prefix`: `prefix` with its last byte below 0xff raised by one. */
export function prefixEnd(prefix: string): string {
  for (let at = prefix.length - 1; at >= 0; at -= 1) {
    const code = prefix.charCodeAt(at);
    if (code < 0xff) return prefix.slice(0, at) + String.fromCharCode(code + 1);
  }
  return fromKeyEnd;
}
