import { assert } from '../../core/base/assert.ts';
import { between, type Prng } from '../../core/base/prng.ts';
import {
  type DiskHolder,
  exportName,
  parseExportName,
  sameHolder,
  type StorageAct,
  type StorageReport,
} from '../../core/plasma/storage/exports-protocol.ts';
import { type World } from '../world.ts';

/** Something that has reached a disk, in the order in which it did. */
export interface CarriedOutWrite {
  readonly disk: string;
  readonly holder: DiskHolder;
  /** What the guest wrote. */
  readonly tick: number;
  /** When it was let through, and when it was on the disk: in between it was under way. */
  readonly begunAtUs: number;
  readonly doneAtUs: number;
}

/** `refused`: it has changed nothing. `lost`: nobody can say; the server died with it. */
export type WriteOutcome = 'written' | 'refused' | 'lost';

export interface SimulatedDisksOptions {
  readonly world: World;
  readonly prng: Prng;
  /** To the machine of the life that has asked; what an earlier one asked for is not told. */
  readonly reported: (report: StorageReport) => void;
  /** Told of each write when it reaches its disk. */
  readonly carriedOut?: (write: CarriedOutWrite) => void;
  /** How long a write is under way, at most; one in a hundred takes a hundred times as long. Default 400. */
  readonly writeUsMax?: number;
  /** Disks that say that they have no room. Default: none. */
  readonly full?: (disk: string) => boolean;
}

interface SimulatedDisk {
  readonly sizeBytes: number;
  /** Oldest first; the newest `writesKept`. */
  readonly writes: CarriedOutWrite[];
}

interface WriteUnderWay {
  readonly holder: DiskHolder;
  readonly ended: (outcome: WriteOutcome) => void;
}

/** What the server knows of a disk in one life. */
interface Served {
  writer: DiskHolder | undefined;
  readonly open: Set<string>;
  readonly underWay: Set<WriteUnderWay>;
  /** Activations that wait until nobody else's write is under way. */
  waiting: { readonly actId: number; readonly writer: DiskHolder | undefined }[];
}

/** Writes of a disk that are remembered; older ones are forgotten. */
const writesKept = 4_096;
const actUsMax = 300;

/**
 * The disks of a simulated storage node and the server in front of them: the port of `DiskExports`. Disks outlive the
 * server; who writes, what is open and what is under way die with it, as they do in production.
 *
 * A write is let through or refused when it is begun, takes its time, and then reaches the disk. What was under way when the
 * server dies reaches it or does not.
 */
export class SimulatedDisks {
  readonly #options: SimulatedDisksOptions;
  readonly #world: World;
  readonly #prng: Prng;
  readonly #disks = new Map<string, SimulatedDisk>();
  #served = new Map<string, Served>();
  /** Counts the server's lives. */
  #life = 0;
  /** When the newest act or report comes. */
  #lastAtUs = 0;

  constructor(options: SimulatedDisksOptions) {
    this.#options = options;
    this.#world = options.world;
    this.#prng = options.prng;
  }

  /** Names of the disks that are there, in order of their making. */
  get disks(): readonly string[] {
    return [...this.#disks.keys()];
  }

  /** What has reached a disk, oldest first; the newest 4,096. */
  writes(disk: string): readonly CarriedOutWrite[] {
    return this.#disks.get(disk)?.writes ?? [];
  }

  writerOf(disk: string): DiskHolder | undefined {
    return this.#served.get(disk)?.writer;
  }

  /** Carries out an act of the machine; its report comes later. */
  act(act: StorageAct): void {
    this.#soon(() => {
      this.#carryOut(act);
    });
  }

  /** A guest's write as it comes from the network, under the uri that its export was opened with. */
  write(uri: string, tick: number, ended: (outcome: WriteOutcome) => void): void {
    const named = parseExportName(uri.startsWith(uriPrefix) ? uri.slice(uriPrefix.length) : '');
    const served = named === undefined ? undefined : this.#served.get(named.disk);
    const target = named === undefined ? undefined : this.#disks.get(named.disk);
    if (named === undefined || served === undefined || target === undefined) return ended('refused');
    if (!sameHolder(served.writer, named.holder)) return ended('refused');
    const write: WriteUnderWay = { holder: named.holder, ended };
    served.underWay.add(write);
    const begunAtUs = this.#world.nowUs;
    this.#world.after(this.#writeUs(), () => {
      // The server has died with it: that was its end.
      if (!served.underWay.delete(write)) return;
      this.#reachDisk(target, { disk: named.disk, holder: named.holder, tick, begunAtUs });
      ended('written');
      this.#settle(served);
    });
  }

  /** The server's process dies. Of what is under way some has reached the disk. */
  crash(): void {
    const died = this.#served;
    this.#served = new Map();
    this.#life += 1;
    for (const [disk, served] of died) {
      for (const write of served.underWay) {
        const target = this.#disks.get(disk);
        // Without a number of its own: what the guest wrote is not known to be there.
        if (target !== undefined && this.#prng.chance(1, 2)) {
          this.#reachDisk(target, { disk, holder: write.holder, tick: 0, begunAtUs: this.#world.nowUs });
        }
        write.ended('lost');
      }
      served.underWay.clear();
    }
  }

  #carryOut(act: StorageAct): void {
    switch (act.kind) {
      case 'create':
        this.#create(act.actId, act.disk, act.sizeBytes);
        break;
      case 'activate': {
        const served = this.#servedOf(act.disk);
        served.writer = act.writer;
        served.waiting.push({ actId: act.actId, writer: act.writer });
        this.#settle(served);
        break;
      }
      case 'open':
        if (!this.#disks.has(act.disk)) {
          this.#fail(act.actId, 'NOT_FOUND', `there is no disk ${act.disk}`);
          break;
        }
        this.#servedOf(act.disk).open.add(exportName(act.disk, act.holder));
        this.#report({
          kind: 'opened',
          actId: act.actId,
          uri: uriPrefix + exportName(act.disk, act.holder),
        });
        break;
      case 'close':
        this.#servedOf(act.disk).open.delete(exportName(act.disk, act.holder));
        this.#report({ kind: 'done', actId: act.actId });
        break;
      case 'delete':
        this.#disks.delete(act.disk);
        this.#served.delete(act.disk);
        this.#report({ kind: 'done', actId: act.actId });
        break;
    }
  }

  #create(actId: number, disk: string, sizeBytes: number): void {
    const there = this.#disks.get(disk);
    if (there !== undefined && (there.sizeBytes !== sizeBytes || there.writes.length > 0)) {
      return this.#fail(actId, 'IN_USE', `something else is there as ${disk}`);
    }
    if (this.#options.full?.(disk) === true) return this.#fail(actId, 'NO_SPACE', `no room for ${disk}`);
    if (there === undefined) this.#disks.set(disk, { sizeBytes, writes: [] });
    this.#report({ kind: 'done', actId });
  }

  /** Reports activations for which nothing of anybody else is under way any more. */
  #settle(served: Served): void {
    const ready = served.waiting.filter(({ writer }) => !othersUnderWay(served, writer));
    served.waiting = served.waiting.filter((each) => !ready.includes(each));
    for (const { actId } of ready) this.#report({ kind: 'done', actId });
  }

  #reachDisk(target: SimulatedDisk, begun: Omit<CarriedOutWrite, 'doneAtUs'>): void {
    const write = { ...begun, doneAtUs: this.#world.nowUs };
    target.writes.push(write);
    if (target.writes.length > writesKept) target.writes.shift();
    this.#options.carriedOut?.(write);
  }

  #servedOf(disk: string): Served {
    const served = this.#served.get(disk) ?? {
      writer: undefined,
      open: new Set(),
      underWay: new Set(),
      waiting: [],
    };
    this.#served.set(disk, served);
    return served;
  }

  #fail(actId: number, code: 'NO_SPACE' | 'NOT_FOUND' | 'IN_USE', message: string): void {
    this.#report({ kind: 'failed', actId, code, message });
  }

  #report(report: StorageReport): void {
    this.#soon(() => {
      this.#options.reported(report);
    });
  }

  /** In this life of the server, or never. */
  #soon(happen: () => void): void {
    const life = this.#life;
    this.#world.at(this.#inOrder(between(this.#prng, 1, actUsMax)), () => {
      if (life === this.#life) happen();
    });
  }

  /** Acts and reports keep their order: nothing overtakes what came before. */
  #inOrder(delayUs: number): number {
    this.#lastAtUs = Math.max(this.#lastAtUs, this.#world.nowUs + delayUs);
    return this.#lastAtUs;
  }

  #writeUs(): number {
    const usMax = this.#options.writeUsMax ?? 400;
    assert(usMax >= 1, 'a write takes its time');
    return between(this.#prng, 1, usMax) * (this.#prng.chance(1, 100) ? 100 : 1);
  }
}

const uriPrefix = 'sim:';

function othersUnderWay(served: Served, writer: DiskHolder | undefined): boolean {
  for (const write of served.underWay) if (!sameHolder(write.holder, writer)) return true;
  return false;
}
