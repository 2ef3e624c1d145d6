import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { afterEach, beforeEach, expect, test } from 'vitest';

import { startTicksOf } from '../../../adapters/qemu/proc.ts';
import { WatchdogLink } from '../../../adapters/watchdog/watchdog-link.ts';
import { OwnWatchdog } from '../../../nodes/plasma/agent/own-watchdog.ts';
import { watchdogSocket } from '../../../nodes/plasma/watchdog/serve.ts';

const patience = { timeout: 30_000, interval: 50 };
const nothing = { kind: 'status', guarded: [], killed: [] };

let dir = '';
let lines: string[];
let own: OwnWatchdog;
let link: WatchdogLink;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'photon-own-'));
  lines = [];
  own = new OwnWatchdog(dir, pino({}, { write: (line: string) => void lines.push(line) }));
  // As an agent does it: whoever finds none starts one.
  link = new WatchdogLink({
    path: watchdogSocket(own.directory),
    onMissing: () => {
      own.start();
    },
  });
});

afterEach(() => {
  link.close();
  const pid = pidOf();
  if (pid !== undefined && startTicksOf(pid) !== undefined) process.kill(pid, 'SIGKILL');
  rmSync(dir, { recursive: true, force: true });
});

function pidOf(): number | undefined {
  try {
    return (JSON.parse(readFileSync(join(own.directory, 'LOCK'), 'utf8')) as { pid: number }).pid;
  } catch {
    return undefined;
  }
}

const said = (message: string): number => lines.filter((line) => line.includes(message)).length;
const asked = (): Promise<unknown> => link.request({ kind: 'status' }, 10_000).catch(() => undefined);

test('a watchdog is started once for all who miss it, and another one when it has ended', async () => {
  await expect.poll(asked, patience).toEqual(nothing);
  expect(said('a watchdog is started')).toBe(1);
  const first = pidOf() ?? 0;
  // A process group of its own: what ends the agent's does not end it.
  const group = /\) \S+ \d+ (\d+)/.exec(readFileSync(`/proc/${first}/stat`, 'latin1'))?.[1];
  expect(Number(group)).toBe(first);

  process.kill(first, 'SIGKILL');
  await expect.poll(() => said('the watchdog has ended'), patience).toBe(1);
  await expect.poll(asked, patience).toEqual(nothing);
  expect(pidOf()).not.toBe(first);
  expect(said('a watchdog is started')).toBe(2);
});
