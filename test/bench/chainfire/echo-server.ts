import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import { type Target } from './measure.ts';

const echoFile = fileURLToPath(new URL('./echo.ts', import.meta.url));

/** Runs the yardstick while `use` does. */
export async function withEcho<T>(use: (target: Target) => Promise<T>): Promise<T> {
  // It ends with the channel, and so with this process.
  const child = fork(echoFile, { execArgv: [] });
  try {
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return await use({ endpoint: `127.0.0.1:${port}`, pid: child.pid ?? 0, otherPids: [] });
  } finally {
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
  }
}
