import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { parentPort, workerData } from 'node:worker_threads';

import { nowMs } from './clock.ts';
import { SampleList } from './delays.ts';
import { type YardstickOptions } from './yardstick.ts';

const { what, dir } = workerData as YardstickOptions;
const samples = new SampleList();

/** How late an event loop comes round that has nothing to do. */
function watchIdleLoop(): NodeJS.Timeout {
  const everyMs = 2;
  let dueMs = nowMs() + everyMs;
  return setInterval(() => {
    const now = nowMs();
    samples.add(Math.min(dueMs, now), Math.max(0, now - dueMs));
    dueMs = now + everyMs;
  }, everyMs);
}

/** How long one small write to the disk takes. */
function watchDisk(): NodeJS.Timeout {
  const everyMs = 20;
  const file = openSync(join(dir, 'yardstick'), 'w');
  const bytes = new Uint8Array(512);
  process.once('exit', () => closeSync(file));
  return setInterval(() => {
    const atMs = nowMs();
    writeSync(file, bytes);
    fdatasyncSync(file);
    samples.add(atMs, nowMs() - atMs);
  }, everyMs);
}

const timer = what === 'idle' ? watchIdleLoop() : watchDisk();
parentPort?.once('message', () => {
  clearInterval(timer);
  parentPort?.postMessage(samples.take());
});
