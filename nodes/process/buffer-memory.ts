import { setFlagsFromString } from 'node:v8';

/** A heap may grow by so much of what was alive in it before everything is collected again, in percent. */
const growthPercent = 1_000;

/**
 * For a process whose heap is small and whose buffers come and go fast: has V8 collect everything seldom.
 *
 * Left alone it does so whenever some 30 MB of buffers have passed, however small the heap. Counted as part of the heap's limits
 * instead, they cost a broker that passes 60 MB of records a second on half as much processor (measured: 4.3 s against 7.7 s for
 * 200 MB on three replicas). That limit is then half as much again as what was alive, some 30 MB for a broker: still a collection
 * and a half a second, each 40 ms of work beside two brokers that do the same on the same processors. With ten times as much it
 * is one in ten seconds, for 50 MB more of memory, and the slowest hundredth of writes at 20 MB/s takes 16 to 26 ms instead of
 * 60 to 350.
 */
export function collectSeldom(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
  setFlagsFromString(`--heap-growing-percent=${growthPercent}`);
}
