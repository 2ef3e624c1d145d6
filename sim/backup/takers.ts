import { type Prng } from '../../core/base/prng.ts';
import { type Cluster } from '../cluster.ts';
import { type Network } from '../network/network.ts';
import { type World } from '../world.ts';
import { type Backup, type OpenedBackup } from './backup.ts';
import { type BackupLog } from './backup-log.ts';
import { BackupDownload } from './download.ts';
import { type BackupPlan } from './plan.ts';

/** Takers of backups are clients with numbers behind those of all others of their cluster. */
export const firstTaker = 90;

/**
 * Those who take backups: each asks a member at random, a follower, a learner or the leader, whether it is well or not, waits
 * until it has the whole of it or knows that it will not get it, and some time later asks another.
 */
export class BackupTakers {
  readonly #world: World;
  readonly #network: Network;
  readonly #cluster: Cluster;
  readonly #plan: BackupPlan;
  readonly #log: BackupLog;
  readonly #opened: (backup: OpenedBackup) => void;
  readonly #taken: (backup: Backup) => void;
  #stopped = false;

  constructor(options: {
    readonly world: World;
    readonly network: Network;
    readonly cluster: Cluster;
    readonly plan: BackupPlan;
    readonly log: BackupLog;
    readonly opened: (backup: OpenedBackup) => void;
    readonly taken: (backup: Backup) => void;
  }) {
    this.#world = options.world;
    this.#network = options.network;
    this.#cluster = options.cluster;
    this.#plan = options.plan;
    this.#log = options.log;
    this.#opened = options.opened;
    this.#taken = options.taken;
  }

  start(prng: Prng): void {
    for (let taker = 0; taker < this.#plan.takers; taker += 1) {
      this.#pause(taker, prng.fork(`taker ${taker}`));
    }
  }

  /** Begins none any more. */
  stop(): void {
    this.#stopped = true;
  }

  #pause(taker: number, prng: Prng): void {
    this.#world.after(1 + prng.below(2 * this.#plan.everyUs), () => {
      if (!this.#stopped) this.#take(taker, prng);
    });
  }

  #take(taker: number, prng: Prng): void {
    const { processes } = this.#cluster;
    const process = processes[prng.below(processes.length)];
    if (process === undefined || !process.alive) {
      this.#pause(taker, prng);
      return;
    }
    const { chunkRowsMax, chunkUsMax } = this.#plan;
    const chunkUs = prng.chance(1, 3) ? chunkUsMax : Math.ceil(chunkUsMax / 20);
    const download = new BackupDownload({
      world: this.#world,
      network: this.#network,
      client: firstTaker + taker,
      process,
      chunkRowsMax,
      chunkUs: () => prng.below(chunkUs + 1),
      opened: this.#opened,
      ended: (backup) => {
        if (backup !== undefined) this.#log.taken(backup);
        else if (download.isServed) this.#log.brokenOff();
        this.#pause(taker, prng);
        if (backup !== undefined) this.#taken(backup);
      },
    });
    download.begin();
  }
}
