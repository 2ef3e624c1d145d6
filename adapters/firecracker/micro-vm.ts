import { readlinkSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { dirname, join } from 'node:path';

import { type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type EndCause, type InstanceId } from '../../core/plasma/types.ts';
import { Deferred } from '../client/deferred.ts';
import { boundLog } from '../qemu/console-log.ts';
import { isAlive, type ProcessReader, strike } from '../qemu/proc.ts';
import { parseVmDirectoryName } from '../qemu/vm-names.ts';
import { FirecrackerApi } from './api.ts';

export const apiSocket = 'api.sock';

/** By its name and the directory that it works in. */
export const firecrackerProcess: ProcessReader = ({ pid, words }, vmsDir) => {
  const vm = words[words.indexOf('--id') + 1];
  if (!words.includes('--api-sock') || vm === undefined || !vm.startsWith('vm-')) return undefined;
  const directory = readlinkSync(`/proc/${pid}/cwd`).replace(/ \(deleted\)$/, '');
  if (dirname(directory) !== vmsDir) return undefined;
  const named = parseVmDirectoryName(directory.slice(vmsDir.length + 1));
  return named?.vm === vm ? named : undefined;
};

export interface MicroVmOptions {
  readonly instance: InstanceId;
  readonly directory: string;
  readonly pingEveryMs: number;
  readonly answerWithinMs: number;
  readonly consoleBytesMax: number;
  readonly report: (report: HypervisorReport) => void;
}

const goneEveryMs = 3;
const killWithinMs = 10_000;
const upEveryMs = 5;

/** One life of Firecracker. Its end is seen by a connection that says nothing and ends with it. */
export class MicroVm {
  readonly instance: InstanceId;
  readonly directory: string;
  readonly api: FirecrackerApi;
  /** Settles when its parent has been told how it ended, where that is this process: what it says counts. */
  exitSeen: Promise<undefined> = Promise.resolve(undefined);
  /** What it tells before it was told of itself. */
  held: HypervisorReport[] | undefined = [];
  readonly #options: MicroVmOptions;
  readonly #gone = new Deferred<undefined>();
  #watch: Socket | undefined;
  #ping: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;
  #ended = false;
  #silent = false;
  #cause: EndCause | undefined;

  constructor(options: MicroVmOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.directory = options.directory;
    this.api = new FirecrackerApi(join(options.directory, apiSocket), options.answerWithinMs);
    this.#schedulePing();
  }

  get ended(): boolean {
    return this.#ended;
  }

  endsAs(cause: EndCause): void {
    this.#cause ??= cause;
  }

  /** Settles when its API can be reached; rejects when it ends before, or takes too long. */
  async untilUp(withinMs: number): Promise<void> {
    const untilMs = Date.now() + withinMs;
    while (!(await this.#connected())) {
      if (this.#ended || !isAlive(this.instance)) throw new Error('Firecracker has ended');
      if (Date.now() > untilMs) throw new Error(`Firecracker does not answer within ${withinMs} ms`);
      await new Promise((resolve) => setTimeout(resolve, upEveryMs));
    }
  }

  strike(): void {
    this.endsAs('killed');
    if (strike(this.instance)) this.look();
    else this.#onGone();
  }

  async kill(): Promise<void> {
    this.strike();
    const timeUp = new Deferred<undefined>();
    const timer = setTimeout(() => timeUp.resolve(undefined), killWithinMs);
    await Promise.race([this.#gone.promise, timeUp.promise]);
    clearTimeout(timer);
    if (!this.#ended)
      throw new Error(`process ${this.instance.pid} is still there ${killWithinMs} ms after its SIGKILL`);
  }

  /** It may be about to end. */
  look(): void {
    if (this.#looking || this.#ended || this.#closed) return;
    this.#looking = true;
    const untilMs = Date.now() + killWithinMs;
    const look = (): void => {
      if (this.#closed) return;
      if (!isAlive(this.instance)) void this.exitSeen.then(() => this.#onGone());
      else if (Date.now() < untilMs) setTimeout(look, goneEveryMs);
      else this.#looking = false;
    };
    look();
  }

  /** It is looked at no more. It runs on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#ping);
    this.#watch?.destroy();
    this.api.close();
  }

  report(report: HypervisorReport): void {
    if (this.#closed) return;
    if (this.held === undefined) this.#options.report(report);
    else this.held.push(report);
  }

  #connected(): Promise<boolean> {
    return new Promise((resolve) => {
      const socket = connect(join(this.directory, apiSocket), () => {
        this.#watch = socket;
        resolve(true);
      });
      socket.once('error', () => resolve(false));
      socket.once('close', () => {
        if (this.#watch === socket) this.look();
      });
      socket.resume();
    });
  }

  #schedulePing(): void {
    if (this.#closed || this.#ended) return;
    this.#ping = setTimeout(() => void this.#onPing(), this.#options.pingEveryMs);
    this.#ping.unref();
  }

  async #onPing(): Promise<void> {
    await boundLog(join(this.directory, 'console.log'), this.#options.consoleBytesMax);
    try {
      await this.api.state();
      this.#silent = false;
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      if (this.#closed || this.#ended) return;
      if (!isAlive(this.instance)) this.look();
      else if (!this.#silent) {
        this.#silent = true;
        this.report({ kind: 'unresponsive', instance: this.instance });
      }
    }
    this.#schedulePing();
  }

  #onGone(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#ping);
    this.#watch?.destroy();
    this.api.close();
    this.report({ kind: 'exited', instance: this.instance, cause: this.#cause ?? 'process-died' });
    this.#gone.resolve(undefined);
  }
}
