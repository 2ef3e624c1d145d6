/** Does a piece of work for each number below `count`, in order, so many at once. */
export async function inTurns(
  count: number,
  underWay: number,
  work: (at: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const turn = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  };
  await Promise.all(Array.from({ length: Math.min(underWay, count) }, turn));
}
