/** Appends more than its process may write to a file, and prints what became of it: codes of failures, and what is pending. */
import { setImmediate } from 'node:timers/promises';

import { AppendQueue } from '../../../adapters/recorder/append-queue.ts';

const [path = ''] = process.argv.slice(2);
const failures: (string | undefined)[] = [];
const queue = new AppendQueue((reason) => failures.push((reason as NodeJS.ErrnoException).code));
queue.open(path);
for (let count = 0; count < 100; count += 1) {
  queue.append(new Uint8Array(100_000));
  await setImmediate();
}
await queue.close();
queue.append(new Uint8Array(1));
process.stdout.write(JSON.stringify({ failures, pendingBytes: queue.pendingBytes }));
