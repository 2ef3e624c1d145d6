import { readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { join } from 'node:path';

import { DataDirError } from './data-dir-error.ts';
import { readIfThere } from './read-if-there.ts';

/**
 * One process a data directory.
 *
 * Node has no `flock`, and a lock file alone goes stale with SIGKILL and cannot be taken over without a race. So the lock
 * is a listening Unix socket in the kernel's abstract namespace, named by the directory's device and inode: taking it is
 * atomic, two names of one directory (symbolic links, bind mounts) are one lock, and the kernel gives it back however the
 * process ends. The file `LOCK` beside it says who holds it. It is also the guard where the socket does not reach, another
 * network namespace: it names a process by pid, start time and boot of the system, and is believed while that process lives.
 */
interface Holder {
  readonly pid: number;
  /** Clock ticks from the system's boot to the process's start; tells a process from a later one with its pid. */
  readonly startTicks: string;
  readonly systemBootId: string;
}

export class DirectoryLock {
  readonly #socket: Server | undefined;
  readonly #file: string;

  private constructor(socket: Server | undefined, file: string) {
    this.#socket = socket;
    this.#file = file;
  }

  /** @throws DataDirError naming the directory and the process that holds it */
  static async acquire(dir: string): Promise<DirectoryLock> {
    const file = join(dir, 'LOCK');
    const { dev, ino } = statSync(dir, { bigint: true });
    const socket =
      process.platform === 'linux' ? await listenAbstract(`photon-data-directory-${dev}-${ino}`) : undefined;
    const holder = readHolder(file);
    if (socket === 'taken') {
      const who = holder === undefined ? 'another process' : `process ${holder.pid}`;
      throw new DataDirError(
        `data directory ${dir} is in use by ${who}; stop it first, or give another --data-dir`,
      );
    }
    if (holder !== undefined && holder.pid !== process.pid && isAlive(holder)) {
      socket?.close();
      throw new DataDirError(
        `data directory ${dir} is in use by process ${holder.pid}; stop it first, or give another --data-dir`,
      );
    }
    const own: Holder = {
      pid: process.pid,
      startTicks: startTicksOf(process.pid) ?? '',
      systemBootId: systemBootId(),
    };
    const temporary = `${file}.${process.pid}`;
    try {
      writeFileSync(temporary, `${JSON.stringify(own)}\n`);
      renameSync(temporary, file);
    } catch (error) {
      socket?.close();
      throw error;
    }
    return new DirectoryLock(socket, file);
  }

  async release(): Promise<void> {
    rmSync(this.#file, { force: true });
    const socket = this.#socket;
    if (socket !== undefined) await new Promise<void>((resolve) => socket.close(() => resolve()));
  }
}

function listenAbstract(name: string): Promise<Server | 'taken'> {
  return new Promise((resolve, reject) => {
    const server = createServer((connection) => connection.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE') resolve('taken');
      else reject(error);
    });
    server.listen({ path: `\0${name}` }, () => {
      // The lock must not keep a process running that has nothing else to do.
      server.unref();
      resolve(server);
    });
  });
}

/** Undefined when there is no such file, or nothing in it that names a process. */
function readHolder(file: string): Holder | undefined {
  const content = readIfThere(file);
  if (content === undefined) return undefined;
  let holder: unknown;
  try {
    holder = JSON.parse(content);
  } catch {
    // Torn by a crash of the whole system: its writer is gone with it.
    return undefined;
  }
  if (typeof holder !== 'object' || holder === null) return undefined;
  const { pid, startTicks, systemBootId: boot } = holder as Partial<Holder>;
  if (typeof pid !== 'number' || typeof startTicks !== 'string' || typeof boot !== 'string') return undefined;
  return { pid, startTicks, systemBootId: boot };
}

function isAlive(holder: Holder): boolean {
  if (holder.systemBootId !== systemBootId()) return false;
  if (process.platform === 'linux') return startTicksOf(holder.pid) === holder.startTicks;
  try {
    process.kill(holder.pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Field 22 of /proc/PID/stat; the process's name before it is in parentheses and may hold anything. */
function startTicksOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    // No such process, or no /proc.
    return undefined;
  }
}

function systemBootId(): string {
  try {
    return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  } catch {
    // Not Linux: every boot looks the same, and liveness is judged by the pid alone.
    return '';
  }
}
