/** Values of rows in `index`. */
export const putMark = Uint8Array.of(0);
export const tombstoneMark = Uint8Array.of(1);

/** True when the row of `index` stands for a deletion. */
export function isTombstoneMark(mark: Uint8Array): boolean {
  return mark[0] === tombstoneMark[0];
}
