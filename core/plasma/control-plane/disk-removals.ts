import { doubled } from '../agent/backoff.ts';
import { sharedDiskName } from '../shared-disk-name.ts';
import { type StorageResponse } from '../storage-protocol.ts';
import { type Batch } from './batch.ts';
import { type Desk } from './desk.ts';
import { type Memory } from './memory.ts';
import { type DeletedDiskRow, ownKey } from './rows.ts';
import { type ControlPlaneSettings, retryPauseUs } from './settings.ts';

/** The longest wait between two attempts to have a disk removed. */
const retryUsMax = 30_000_000;

type Outcome = StorageResponse | { readonly kind: 'failed'; readonly reason: string };

interface Removal {
  readonly row: DeletedDiskRow;
  attempts: number;
  /** When it is asked for; Infinity: it was, and is not answered, or nothing of it is left. */
  dueUs: number;
  /** What the storage node, or the way to it, has said last. */
  trouble: string;
}

/**
 * Has the data of deleted shared disks removed on the storage node: asks for each whose deletion is committed, whoever has
 * committed it, until the storage node has said that nothing of it is left. It is asked at least once and perhaps again; the
 * name is nobody else's, so nothing else can be hit, however late it comes.
 */
export class DiskRemovals {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #memory: Memory;
  /** By key of their rows, the committed ones. */
  readonly #removals = new Map<string, Removal>();
  readonly #underWay = new Map<number, Removal>();
  /** Of which nothing is left, which is to be written down. */
  readonly #done: Removal[] = [];
  /** Nothing is to be asked for before it. */
  #askUs = Infinity;

  constructor(settings: ControlPlaneSettings, desk: Desk, memory: Memory) {
    this.#settings = settings;
    this.#desk = desk;
    this.#memory = memory;
    for (const row of memory.committed.deletedDisks.values()) this.#follow(row);
  }

  get deadlineUs(): number {
    return this.#done.length > 0 && this.#memory.batch.hasRoom ? this.#desk.nowUs : this.#askUs;
  }

  /** Why the data of a disk are there still; undefined: nothing is known to be wrong. */
  troubleOf({ project, onStorage }: DeletedDiskRow): string | undefined {
    return this.#removals.get(ownKey(project, onStorage))?.trouble;
  }

  onCommitted(batch: Batch): void {
    for (const { table, key, row } of batch.rows) {
      if (table !== 'deletedDisks') continue;
      if (row === undefined) this.#removals.delete(key);
      else if (!this.#removals.has(key)) this.#follow(row as DeletedDiskRow);
    }
  }

  /** Answers to calls of an earlier term belong to nothing here. */
  onAnswered(callId: number, outcome: Outcome): void {
    const removal = this.#underWay.get(callId);
    if (removal === undefined) return;
    this.#underWay.delete(callId);
    if (outcome.kind === 'deleted') {
      this.#done.push(removal);
    } else {
      removal.trouble = troubleIn(outcome);
      removal.dueUs = this.#desk.nowUs + doubled(retryPauseUs, retryUsMax, removal.attempts);
      removal.attempts += 1;
    }
    this.#look();
  }

  /** Asks for what is due, and writes down what is done, as far as the next commit has room. */
  run(): void {
    while (this.#memory.batch.hasRoom) {
      const removal = this.#done.shift();
      if (removal === undefined) break;
      this.#end(removal);
    }
    if (this.#desk.nowUs < this.#askUs) return;
    for (const removal of this.#removals.values()) {
      if (this.#underWay.size >= this.#settings.storageCallsMax) break;
      if (removal.dueUs <= this.#desk.nowUs) this.#ask(removal);
    }
    this.#look();
  }

  #follow(row: DeletedDiskRow): void {
    const removal: Removal = { row, attempts: 0, dueUs: this.#desk.nowUs, trouble: '' };
    this.#removals.set(ownKey(row.project, row.onStorage), removal);
    this.#look();
  }

  #look(): void {
    this.#askUs = Infinity;
    if (this.#underWay.size >= this.#settings.storageCallsMax) return;
    for (const { dueUs } of this.#removals.values()) this.#askUs = Math.min(this.#askUs, dueUs);
  }

  #ask(removal: Removal): void {
    const { project, onStorage, fenceToken } = removal.row;
    const disk = sharedDiskName(project, onStorage);
    removal.dueUs = Infinity;
    const callId = this.#desk.askStorage(
      { kind: 'deleteDisk', disk, vm: undefined, fenceToken },
      this.#settings.storageTimeoutUs,
    );
    this.#underWay.set(callId, removal);
  }

  #end({ row }: Removal): void {
    const { project, name, onStorage, operation } = row;
    this.#memory.remove('deletedDisks', ownKey(project, onStorage));
    this.#memory.note('sharedDiskRemoved', { project, message: name });
    this.#memory.finishOperation(project, operation, 'done', '');
  }
}

function troubleIn(outcome: Outcome): string {
  if (outcome.kind === 'failed') return `storage node: ${outcome.reason}`;
  if (outcome.kind === 'refused') return `storage node: ${outcome.code}: ${outcome.message}`;
  return `the storage node has answered ${outcome.kind}`;
}
