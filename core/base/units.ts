/** Durations are integer microseconds, sizes are bytes. */
export const usPerMs = 1_000;
export const usPerSecond = 1_000_000;
export const bytesPerKib = 1_024;
export const bytesPerMib = 1_048_576;
