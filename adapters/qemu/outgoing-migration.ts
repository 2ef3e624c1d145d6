import { Deferred } from '../client/deferred.ts';
import { type HypervisorReport } from '../../core/plasma/hypervisor.ts';
import { residentBytes } from './proc.ts';
import { isUnderWay, type RunningVm } from './running-vm.ts';
import { type MigrationRecord } from './vm-directory.ts';

/** What is left then is sent while the guest stands: about an eighth of a second of a fast network. */
const stopBelowBytes = 128 * 1_048_576;
/** A guest that changes its memory faster than it is sent is made to stand after this. */
const liveMsMax = 60_000;
const bandwidthBytes = 2 * 1_073_741_824;
const pollEveryMs = 5;
/** What is left is sent in less than this, as fast as it went lately: time enough to stop the guest before QEMU does. */
const stopBeforeMs = 150;
const rateOverMs = 100;
/** What is sent in half a second is sent while the guest stands. */
const smallMemoryBytes = 1_073_741_824;
const smallResidentBytes = 192 * 1_048_576;
/** The last of the state is small. */
const handOverWithinMs = 30_000;

/** Its guest stands: never run, paused, sent elsewhere in vain. */
const standing: readonly string[] = ['prelaunch', 'paused', 'postmigrate'];

interface Progress {
  readonly status: string;
  readonly leftBytes: number;
}

/**
 * The sending side. QEMU by itself lets the guest go on when the last step of a migration fails, if it ran when that step began:
 * two could run then. So the guest is stopped from here before that step, and nothing but `cancel` makes it go on.
 */
export class OutgoingMigration {
  readonly #vm: RunningVm;
  readonly #report: (report: HypervisorReport) => void;
  /** Of the migration under way: what QEMU says of it, as it comes. */
  #status = 'none';
  #changed = new Deferred<undefined>();
  /** QEMU was faster once: the next time the guest stands from the beginning. */
  #wasTooLate = false;
  /** Nothing is told any more of one that was taken back. */
  #life = 0;

  constructor(vm: RunningVm, report: (report: HypervisorReport) => void) {
    this.#vm = vm;
    this.#report = report;
  }

  /** Settles when it has begun; to the same uri again, when it is known to be under way. What comes of it is reported. */
  async begin(uri: string): Promise<void> {
    const status = await this.#vm.status();
    const progress = await this.#progress();
    if (isUnderWay(progress.status)) {
      if (this.#kept()?.uri !== uri) throw new Error('it is on its way to another node already');
      this.supervise();
      return;
    }
    if (status !== 'running' && !standing.includes(status))
      throw new Error(`it cannot be sent while it is ${status}`);
    const wasRunning = status === 'running';
    this.#record({ uri, wasRunning, stopped: !wasRunning, handedOver: false });
    await this.#set({ 'pause-before-switchover': true, events: true });
    await this.#vm.execute('migrate-set-parameters', {
      'max-bandwidth': bandwidthBytes,
      // Not for QEMU to end: it does not think that the guest may stand for as long as the rest takes.
      'downtime-limit': 1,
    });
    this.#status = 'none';
    this.#listen();
    if (wasRunning && (this.#wasTooLate || (await this.#isSmall()))) await this.#stop();
    try {
      await this.#vm.execute('migrate', { uri });
      await this.#until(['active', 'pre-switchover', 'failed']);
      if (this.#now() === 'failed') throw new Error(`its state does not get to ${uri}`);
    } catch (cause) {
      await this.#goOn();
      throw cause;
    }
    this.supervise();
  }

  /** Sees one through that is under way: it was begun here, or by an agent that is no more. */
  supervise(): void {
    this.#listen();
    // Whoever saw to it before is relieved.
    this.#life += 1;
    const life = this.#life;
    this.#sendAndStop(life).catch((cause: unknown) => {
      // Its end is told otherwise.
      if (this.#vm.ended || life !== this.#life) return;
      const message = cause instanceof Error ? cause.message : String(cause);
      void this.cancel().then(
        () => this.#fail(message),
        () => this.#vm.onSilent(),
      );
    });
  }

  /** Settles when the process is gone. Its guest never runs again, whatever comes of it. */
  async handOver(): Promise<void> {
    const record = this.#kept();
    const { status } = await this.#progress();
    const again = record?.handedOver === true;
    // One that QEMU has stopped for itself would run again by itself, if the rest did not get there.
    if (!again && (status !== 'pre-switchover' || record?.stopped !== true))
      throw new Error('its guest was not stopped for a hand-over');
    this.#life += 1;
    this.#record({
      uri: record?.uri ?? '',
      wasRunning: record?.wasRunning ?? false,
      stopped: true,
      handedOver: true,
    });
    const over = await this.#completed(status);
    await this.#vm.quit(over ? 'migrated' : 'killed');
  }

  /** Before the hand-over only: the guest goes on if it ran before. */
  async cancel(): Promise<void> {
    const record = this.#kept();
    if (record?.handedOver === true) throw new Error('it has been handed over');
    if (record === undefined) return;
    this.#life += 1;
    this.#listen();
    const { status } = await this.#progress();
    if (isUnderWay(status)) {
      this.#status = status;
      await this.#vm.execute('migrate_cancel');
      await this.#until(['cancelled', 'failed', 'completed']);
    }
    await this.#goOn();
  }

  async #sendAndStop(life: number): Promise<void> {
    const sinceMs = Date.now();
    let stopped = this.#kept()?.stopped === true;
    let lately: readonly Sample[] = [];
    for (;;) {
      const { status, leftBytes } = await this.#progress();
      if (life !== this.#life) return;
      if (status === 'failed' || status === 'cancelled') {
        await this.#goOn();
        this.#fail('the other side does not take its state');
        return;
      }
      if (status === 'pre-switchover') break;
      const atMs = Date.now();
      lately = [...lately.filter((sample) => atMs - sample.atMs <= rateOverMs), { atMs, leftBytes }];
      const isLate = atMs - sinceMs > liveMsMax;
      if (!stopped && (leftBytes < stopBelowBytes || isLate || leftMs(lately) < stopBeforeMs)) {
        stopped = await this.#stop();
        continue;
      }
      await Promise.race([this.#changed.promise, new Promise((resolve) => setTimeout(resolve, pollEveryMs))]);
    }
    if (stopped) {
      this.#report({ kind: 'stoppedBeforeHandOver', instance: this.#vm.instance });
      return;
    }
    // QEMU was faster, and has stopped the guest in its own way, after which it would let it go on by itself.
    this.#wasTooLate = true;
    await this.cancel();
    this.#fail('the rest was sent before the guest could be stopped: it can be tried again');
  }

  /** Whether the guest was made to stand from here, rather than by QEMU for the last step. */
  async #stop(): Promise<boolean> {
    if ((await this.#vm.status()) === 'finish-migrate') return false;
    await this.#vm.execute('stop');
    const record = this.#kept();
    if (record === undefined || (await this.#vm.status()) !== 'paused') return false;
    this.#record({ ...record, stopped: true });
    return true;
  }

  async #completed(status: string): Promise<boolean> {
    try {
      this.#listen();
      this.#status = status;
      if (status === 'pre-switchover') {
        await this.#vm.execute('migrate-continue', { state: 'pre-switchover' });
        const timeUp = new Deferred<undefined>();
        const timer = setTimeout(() => timeUp.resolve(undefined), handOverWithinMs);
        await Promise.race([this.#until(['completed', 'failed', 'cancelled']), timeUp.promise]);
        clearTimeout(timer);
      }
      return this.#now() === 'completed';
    } catch (cause) {
      // Whatever it was, it ends now.
      if (!(cause instanceof Error)) throw cause;
      return false;
    }
  }

  /** The guest as it was before, and nothing of a migration left. */
  async #goOn(): Promise<void> {
    const record = this.#kept();
    if (record === undefined || record.handedOver) return;
    if (record.wasRunning && (await this.#vm.status()) !== 'running') await this.#vm.execute('cont');
    this.#record({ uri: '', wasRunning: false, stopped: false, handedOver: false });
  }

  #fail(message: string): void {
    this.#report({ kind: 'migrationFailed', instance: this.#vm.instance, message });
  }

  #kept(): MigrationRecord | undefined {
    return this.#vm.directory.migrationRecord(this.#vm.instance);
  }

  #record(record: Omit<MigrationRecord, 'pid' | 'startTicks'>): void {
    const { pid, startTicks } = this.#vm.instance;
    this.#vm.directory.writeMigrationRecord({ ...record, pid, startTicks });
  }

  #listen(): void {
    this.#vm.onMigration = (status) => {
      this.#status = status;
      this.#changed.resolve(undefined);
      this.#changed = new Deferred();
    };
  }

  /** What QEMU has said last; its events change it. */
  #now(): string {
    return this.#status;
  }

  async #until(statuses: readonly string[]): Promise<void> {
    while (!statuses.includes(this.#status)) {
      await Promise.race([
        this.#changed.promise,
        this.#vm.gone.then(() => Promise.reject(new Error('there is no such process any more'))),
      ]);
    }
  }

  async #progress(): Promise<Progress> {
    const answer = (await this.#vm.execute('query-migrate')) as {
      readonly status?: string;
      readonly ram?: { readonly remaining: number };
    };
    return { status: answer.status ?? 'none', leftBytes: answer.ram?.remaining ?? Infinity };
  }

  async #isSmall(): Promise<boolean> {
    const answer = (await this.#vm.execute('query-memory-size-summary')) as { 'base-memory': number };
    if (answer['base-memory'] > smallMemoryBytes) return false;
    return residentBytes(this.#vm.instance.pid) <= smallResidentBytes;
  }

  async #set(capabilities: Readonly<Record<string, boolean>>): Promise<void> {
    await setCapabilities(this.#vm, capabilities);
  }
}

interface Sample {
  readonly atMs: number;
  readonly leftBytes: number;
}

/** How long the rest takes at the rate of late. */
function leftMs(lately: readonly Sample[]): number {
  const [first, last] = [lately[0], lately.at(-1)];
  if (first === undefined || last === undefined || first.leftBytes <= last.leftBytes) return Infinity;
  return (last.leftBytes * (last.atMs - first.atMs)) / (first.leftBytes - last.leftBytes);
}

export async function setCapabilities(
  vm: RunningVm,
  capabilities: Readonly<Record<string, boolean>>,
): Promise<void> {
  await vm.execute('migrate-set-capabilities', {
    capabilities: Object.entries(capabilities).map(([capability, state]) => ({ capability, state })),
  });
}
