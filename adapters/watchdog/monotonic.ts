const nsPerUs = 1_000n;

/** The machine's monotonic clock (`CLOCK_MONOTONIC`), µs: the same in every process, unlike `performance.now`. */
export function machineMonotonicUs(): number {
  return Number(process.hrtime.bigint() / nsPerUs);
}
