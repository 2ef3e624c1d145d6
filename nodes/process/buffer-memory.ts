import { setFlagsFromString } from 'node:v8';

/**
 * Has V8 count the bytes of buffers as part of its heap's limits. Left alone it collects everything whenever some 30 MB of
 * buffers have come and gone, however small the heap: a broker that passes 60 MB of records a second on spends half of its
 * processor on it (measured: 7.7 s against 4.3 s of processor for 200 MB on three replicas, 45 collections of the whole heap
 * against 10).
 */
export function countBuffersAsHeap(): void {
  setFlagsFromString('--external-memory-accounted-in-global-limit');
}
