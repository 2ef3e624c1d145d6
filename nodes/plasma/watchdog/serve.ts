import { chmodSync } from 'node:fs';
import { join } from 'node:path';

import { ConfigError } from '../../../adapters/config/resolve.ts';
import { DataDirectory } from '../../../adapters/data-dir/data-directory.ts';
import { type NoStreams, type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { Runner } from '../../../adapters/runner/runner.ts';
import { carryOutKill } from '../../../adapters/watchdog/kill-port.ts';
import { machineMonotonicUs } from '../../../adapters/watchdog/monotonic.ts';
import { WatchdogServer } from '../../../adapters/watchdog/watchdog-server.ts';
import {
  defaultWatchdogConfig,
  type WatchdogAct,
  type WatchdogReport,
  type WatchdogRequest,
  type WatchdogResponse,
} from '../../../core/plasma/watchdog/protocol.ts';
import { Watchdog } from '../../../core/plasma/watchdog/watchdog.ts';
import { MemorySegments } from '../../../core/storage/memory-segments.ts';
import { exitCodes } from '../../exit.ts';
import { newLogger } from '../../process/log.ts';
import { tellParent } from '../../process/process-messages.ts';
import { noPeers } from '../no-peers.ts';
import { type WatchdogSettings } from './settings.ts';

interface WatchdogPorts {
  readonly act: WatchdogAct;
  readonly report: WatchdogReport;
}

/** What a name has in a unix socket's address. */
export const socketPathBytesMax = 107;
const msPerSecond = 1_000;

export function watchdogSocket(dataDir: string): string {
  return join(dataDir, 'watchdog.sock');
}

/**
 * Guards what an agent tells it, until it is told to stop and guards nothing, or is idle. It goes on when the agent that has
 * started it is gone: that is what it is for.
 *
 * @returns the exit code
 * @throws ConfigError or DataDirError when it must not start
 */
export async function serveWatchdog(settings: WatchdogSettings): Promise<number> {
  const log = newLogger(settings.logLevel, { system: 'plasma-watchdog' });
  const path = watchdogSocket(settings.dataDir);
  if (Buffer.byteLength(path) > socketPathBytesMax)
    throw new ConfigError(`data_dir is too long: ${path} has more than ${socketPathBytesMax} bytes`);
  const directory = await DataDirectory.lock(settings.dataDir);
  const machine = new Watchdog(defaultWatchdogConfig);
  let fail: (failure: RunnerFailure) => void = () => undefined;
  const failed = new Promise<RunnerFailure>((resolve) => {
    fail = resolve;
  });
  const runner: Runner<WatchdogRequest, WatchdogResponse, never, never, NoStreams, WatchdogPorts> =
    new Runner(
      machine,
      {
        segments: new MemorySegments(),
        transport: noPeers,
        act: (act: WatchdogAct) => {
          log.warn({ ...act.instance }, 'its deadline has passed: it is killed');
          void carryOutKill(act).then((report) => {
            if (report.kind === 'killFailed')
              log.error({ ...report.instance, reason: report.message }, 'not killed');
            runner.acted(report);
          });
        },
      },
      { onStop: fail, clock: machineMonotonicUs, wallClock: 'none' },
    );
  const server = await WatchdogServer.listen({ path, ask: (request) => runner.request(request) });
  chmodSync(path, 0o600);
  runner.start();
  tellParent({ kind: 'ready' });
  log.info({ path }, 'started');
  const idle = (): boolean => server.connections === 0 && machine.deadlineUs === Infinity;
  const end = await Promise.race([failed, untilOver(idle, settings.idleSeconds * msPerSecond)]);
  await server.close();
  await runner.stop();
  await directory.release();
  if (end === 'over') {
    log.info('stopped: nothing is guarded');
    return 0;
  }
  log.fatal({ kind: end.kind }, `the watchdog cannot go on: ${end.reason}`);
  return exitCodes.failed;
}

const lookEveryMs = 100;

/** Told to stop, it still waits until nothing is guarded any more: who is stopped first must not leave the others unguarded. */
function untilOver(idle: () => boolean, idleMs: number): Promise<'over'> {
  return new Promise((resolve) => {
    let told = false;
    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
      process.on(signal, () => {
        told = true;
      });
    let idleSinceMs = performance.now();
    const looking = setInterval(() => {
      if (!idle()) idleSinceMs = performance.now();
      else if (told || performance.now() - idleSinceMs >= idleMs) {
        clearInterval(looking);
        resolve('over');
      }
    }, lookEveryMs);
  });
}
