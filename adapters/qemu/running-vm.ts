import { Deferred } from '../client/deferred.ts';
import { type FoundInstance, type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { type EndCause, type InstanceId } from '../../core/plasma/types.ts';
import { boundLog } from './console-log.ts';
import { isAlive, strike } from './proc.ts';
import { Qmp, type QmpEvent, type QmpListener } from './qmp.ts';
import { type VmDirectory } from './vm-directory.ts';

export interface RunningVmOptions {
  readonly instance: InstanceId;
  readonly directory: VmDirectory;
  readonly pingEveryMs: number;
  readonly answerWithinMs: number;
  readonly consoleBytesMax: number;
  readonly report: (report: HypervisorReport) => void;
}

/** How often a process that is about to end is looked at. */
const goneEveryMs = 3;
/** A process that the kernel has been told to end is gone within this, unless it hangs in the kernel. */
const killWithinMs = 10_000;
const quitWithinMs = 2_000;

/** One life of QEMU, from when it was launched or found to when it is gone. */
export class RunningVm implements QmpListener {
  readonly instance: InstanceId;
  readonly directory: VmDirectory;
  /** It waits for its state: once it has it, or is told of another end, no more. */
  incomingUri: string | undefined;
  /** Hears the events that a migration waits for. */
  onMigration: (status: string) => void = () => undefined;
  onJob: () => void = () => undefined;
  readonly #options: RunningVmOptions;
  readonly #gone = new Deferred<undefined>();
  #qmp: Qmp | undefined;
  #connecting: Promise<Qmp> | undefined;
  #ping: NodeJS.Timeout | undefined;
  #watching = false;
  #closed = false;
  #ended = false;
  /** Whether `unresponsive` was told and nothing was heard since. */
  #silent = false;
  #panicked = false;
  #cause: EndCause | undefined;

  constructor(options: RunningVmOptions) {
    this.#options = options;
    this.instance = options.instance;
    this.directory = options.directory;
    this.#schedulePing();
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** Settles when the process is gone, surely. */
  get gone(): Promise<undefined> {
    return this.#gone.promise;
  }

  get panicked(): boolean {
    return this.#panicked;
  }

  /** What its end will be called: whoever brings it about says so before, and the first is right. */
  endsAs(cause: EndCause): void {
    this.#cause ??= cause;
  }

  /** Settles with QEMU's answer, however late it is; rejects when QEMU refuses, or is gone. */
  async execute(command: string, args: Readonly<Record<string, unknown>> = {}): Promise<unknown> {
    const qmp = this.#qmp ?? (await this.connect());
    return qmp.execute(command, args);
  }

  /** Its run state, by QEMU's word (`RunState` of its interface). */
  async status(): Promise<string> {
    return ((await this.execute('query-status')) as { status: string }).status;
  }

  /** Whether a migration from here is under way. */
  async isBeingSent(): Promise<boolean> {
    const { status } = (await this.execute('query-migrate')) as { readonly status?: string };
    return isUnderWay(status ?? 'none');
  }

  /** Waits for its monitor, as long as it is alive. */
  connect(): Promise<Qmp> {
    this.#connecting ??= this.#connectOnce().finally(() => (this.#connecting = undefined));
    return this.#connecting;
  }

  /** SIGKILL, at once. */
  strike(): void {
    this.endsAs(this.#panicked ? 'guest-panic' : 'killed');
    if (strike(this.instance)) this.#watchForEnd();
    else this.#onGone();
  }

  /** Rejects when it is still there after a time in which none should be. */
  async kill(): Promise<void> {
    this.strike();
    await this.goneWithin(killWithinMs);
    if (!this.#ended)
      throw new Error(`process ${this.instance.pid} is still there ${killWithinMs} ms after its SIGKILL`);
  }

  /** Asks it to end, which hands everything to the system that it has to hand over; then it is made to. */
  async quit(cause: EndCause): Promise<void> {
    this.endsAs(cause);
    this.execute('quit').catch(() => this.#watchForEnd());
    this.#watchForEnd();
    await this.goneWithin(quitWithinMs);
    if (!this.#ended) await this.kill();
  }

  async goneWithin(withinMs: number): Promise<void> {
    const timeUp = new Deferred<undefined>();
    const timer = setTimeout(() => timeUp.resolve(undefined), withinMs);
    await Promise.race([this.gone, timeUp.promise]);
    clearTimeout(timer);
  }

  /** What it is found to be. Its guest's end is seen to as well, if it is there to be seen. */
  async found(): Promise<FoundInstance | undefined> {
    const timeUp = new Deferred<'unresponsive'>();
    const timer = setTimeout(() => timeUp.resolve('unresponsive'), this.#options.answerWithinMs);
    const state = await Promise.race([this.#foundState(), timeUp.promise]);
    clearTimeout(timer);
    return state && { instance: this.instance, state, incomingUri: this.incomingUri };
  }

  /** It is looked at no more. It runs on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#ping);
    this.#qmp?.close();
  }

  onEvent({ event, data }: QmpEvent): void {
    this.#silent = false;
    switch (event) {
      case 'SHUTDOWN':
        if (data['guest'] === true) void this.#guestShutDown();
        break;
      case 'GUEST_PANICKED':
        this.#onPanic();
        break;
      case 'MIGRATION':
        this.onMigration(String(data['status']));
        break;
      case 'JOB_STATUS_CHANGE':
        this.onJob();
        break;
    }
  }

  onSilent(): void {
    if (this.#silent || this.#ended) return;
    this.#silent = true;
    this.#report({ kind: 'unresponsive', instance: this.instance });
  }

  onClosed(): void {
    this.#qmp = undefined;
    this.#watchForEnd();
  }

  async #foundState(): Promise<FoundInstance['state'] | undefined> {
    try {
      const status = await this.status();
      if (this.directory.migrationRecord(this.instance)?.handedOver === true) return 'handing-over';
      if (status === 'shutdown') void this.#guestShutDown();
      if (status === 'guest-panicked') setImmediate(() => this.#onPanic());
      if (status === 'inmigrate') return 'incoming';
      if (status === 'finish-migrate') return 'handing-over';
      return status === 'running' ? 'running' : 'paused';
    } catch (cause) {
      if (this.#ended || !isAlive(this.instance)) return undefined;
      if (this.#closed) throw cause;
      return 'unresponsive';
    }
  }

  #onPanic(): void {
    if (this.#panicked) return;
    this.#panicked = true;
    this.#report({ kind: 'guestPanicked', instance: this.instance });
  }

  /** It has stayed so that its guest's end is not taken for an accident. */
  async #guestShutDown(): Promise<void> {
    try {
      await this.quit('guest-shutdown');
    } catch (cause) {
      this.#reportStuck(cause);
    }
  }

  #reportStuck(cause: unknown): void {
    if (!(cause instanceof Error)) throw cause;
    this.onSilent();
  }

  async #connectOnce(): Promise<Qmp> {
    for (let waitMs = 2; ; waitMs = Math.min(waitMs * 2, 100)) {
      if (this.#closed) throw new Error('the port is closed');
      if (this.#ended || !isAlive(this.instance)) {
        this.#onGone();
        throw new Error('there is no such process any more');
      }
      try {
        this.#qmp = await this.directory.withSocket('qmp.sock', (path) =>
          Qmp.connect(path, this, this.#options.answerWithinMs),
        );
        return this.#qmp;
      } catch (cause) {
        if (!(cause instanceof Error)) throw cause;
        await new Promise((resolve) => setTimeout(resolve, waitMs));
      }
    }
  }

  #schedulePing(): void {
    if (this.#closed || this.#ended) return;
    this.#ping = setTimeout(() => void this.#onPing(), this.#options.pingEveryMs);
    this.#ping.unref();
  }

  async #onPing(): Promise<void> {
    const { consoleBytesMax } = this.#options;
    try {
      await boundLog(this.directory.consoleLog, consoleBytesMax);
      await boundLog(this.directory.qemuLog, consoleBytesMax);
      await this.status();
      this.#silent = false;
    } catch (cause) {
      // Gone, or about to be: that is noticed where it is looked for.
      if (!this.#closed && !this.#ended && isAlive(this.instance)) this.#reportStuck(cause);
      else this.#watchForEnd();
    }
    this.#schedulePing();
  }

  /** The kernel tells nobody but the parent, which an agent that was started anew is not. */
  #watchForEnd(): void {
    if (this.#watching || this.#ended || this.#closed) return;
    this.#watching = true;
    const untilMs = Date.now() + killWithinMs;
    const look = (): void => {
      if (this.#closed) return;
      if (!isAlive(this.instance)) this.#onGone();
      else if (Date.now() < untilMs) setTimeout(look, goneEveryMs);
      else this.#watching = false;
    };
    look();
  }

  #onGone(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#ping);
    this.#qmp?.close();
    // An incoming one whose other side breaks off ends by itself.
    if (this.incomingUri !== undefined && this.#cause === undefined)
      this.#report({ kind: 'migrationFailed', instance: this.instance, message: 'its state has not come' });
    this.#report({ kind: 'exited', instance: this.instance, cause: this.#cause ?? 'process-died' });
    this.#gone.resolve(undefined);
  }

  #report(report: HypervisorReport): void {
    if (!this.#closed) this.#options.report(report);
  }
}

/** A migration's status, by QEMU's word (`MigrationStatus` of its interface). */
export function isUnderWay(status: string): boolean {
  return ['setup', 'active', 'pre-switchover', 'device', 'cancelling'].includes(status);
}
