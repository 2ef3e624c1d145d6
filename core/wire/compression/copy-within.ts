/**
 * Copies `length` bytes that lie `distance` before `end` to `end`. Where they overlap, what was just written is copied on:
 * that is how these formats say a repetition.
 */
export function copyWithin(output: Uint8Array, end: number, distance: number, length: number): void {
  if (distance >= length) {
    output.copyWithin(end, end - distance, end - distance + length);
    return;
  }
  for (let at = end; at < end + length; at += 1) output[at] = output[at - distance] as number;
}
