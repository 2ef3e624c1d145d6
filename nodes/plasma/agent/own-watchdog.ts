import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Logger } from 'pino';

const photonFile = fileURLToPath(
  new URL(import.meta.url.endsWith('.ts') ? '../../photon.ts' : '../../photon.js', import.meta.url),
);

/** Starts the watchdog of this node when there is none. It lives on when this process ends. */
export class OwnWatchdog {
  readonly directory: string;
  readonly #log: Logger;
  /** Until it ends there is no use in another one: it holds the directory, however long it takes to answer. */
  #running = false;

  constructor(dataDir: string, log: Logger) {
    this.directory = join(dataDir, 'watchdog');
    this.#log = log;
    mkdirSync(this.directory, { recursive: true, mode: 0o700 });
  }

  start(): void {
    if (this.#running) return;
    const output = openSync(join(this.directory, 'watchdog.log'), 'a', 0o600);
    try {
      const child = spawn(
        process.execPath,
        [photonFile, 'plasma', 'watchdog', '--data-dir', this.directory],
        { detached: true, stdio: ['ignore', 'ignore', output], env: { PATH: process.env['PATH'] } },
      );
      this.#running = true;
      child.once('error', (error) => {
        this.#running = false;
        this.#log.error({ err: error }, 'the watchdog cannot be started');
      });
      child.once('exit', (code) => {
        this.#running = false;
        this.#log.warn({ code }, 'the watchdog has ended');
      });
      child.unref();
      this.#log.info({ watchdog: child.pid }, 'a watchdog is started');
    } finally {
      closeSync(output);
    }
  }
}
