/**
 * What the system says of a moment: a disk or a table that is full, an address that another has or that is not there yet. What is
 * damaged, forbidden or contradicts itself is as it is at the next start, too.
 */
const passing: ReadonlySet<string> = new Set([
  ...['EADDRINUSE', 'EADDRNOTAVAIL', 'EAGAIN', 'EBUSY', 'EDQUOT'],
  ...['EMFILE', 'ENFILE', 'ENOBUFS', 'ENOMEM', 'ENOSPC', 'ETIMEDOUT'],
]);

/** Whether the next start may succeed where this one did not, with nothing changed by anybody; the causes of an error count. */
export function mayPass(error: unknown): boolean {
  for (let cause = error; cause instanceof Error; cause = cause.cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (typeof code === 'string' && passing.has(code)) return true;
  }
  return false;
}
