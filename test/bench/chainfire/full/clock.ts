/** The system's monotonic clock in ms: the same one in every thread. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
