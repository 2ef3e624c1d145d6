import { compareKeys } from '../../base/bytes.ts';
import { type NodeName, type VmId } from '../types.ts';
import { type Batch } from './batch.ts';
import { type Desk } from './desk.ts';
import { type Memory } from './memory.ts';
import { giveUpNode } from './node-requests.ts';
import { type NodeSessions } from './node-sessions.ts';
import { hasLocalDisks, type NodeRow, type VmRow } from './rows.ts';
import { type ControlPlaneSettings, retryPauseUs } from './settings.ts';
import { type VmLife } from './vm-life.ts';
import { abandonMigration, endHandOver } from './vm-moves.ts';
import { type VmRequests } from './vm-requests.ts';

/** Of those without a place so many are tried again in a step. */
const triesPerStep = 64;

/**
 * What a leader does of its own accord: gives nodes up, settles what is there, finds places for those without one, empties
 * nodes that are drained, ends migrations that get nowhere. Each thing as far as the next commit has room.
 */
export class Upkeep {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #memory: Memory;
  readonly #life: VmLife;
  readonly #sessions: NodeSessions;
  readonly #requests: VmRequests;
  /** To be settled, since something about their nodes has changed. */
  readonly #attention = new Set<VmId>();
  #overdue: NodeName[] = [];
  /** Those still to be tried for the room that there was when they were listed. */
  #toTry: VmId[] = [];
  #triedEdition = -1;
  #tryAgainUs = 0;
  #drainUs = Infinity;
  /** Migrations, and since when they have stood as they are. */
  readonly #moves = new Map<VmId, { readonly sinceUs: number; readonly phase: string }>();

  constructor(
    settings: ControlPlaneSettings,
    desk: Desk,
    memory: Memory,
    life: VmLife,
    sessions: NodeSessions,
    requests: VmRequests,
  ) {
    this.#settings = settings;
    this.#desk = desk;
    this.#memory = memory;
    this.#life = life;
    this.#sessions = sessions;
    this.#requests = requests;
    for (const row of memory.working.vms.values()) {
      this.#attention.add(row.id);
      this.#followMove(row);
    }
    this.#drainUs = desk.nowUs;
  }

  get deadlineUs(): number {
    if (this.#attention.size > 0 || this.#overdue.length > 0 || this.#toTry.length > 0)
      return this.#desk.nowUs;
    const waits = this.#life.pendingCount > 0 && this.#triedEdition !== this.#memory.roomEdition;
    let deadlineUs = Math.min(this.#drainUs, this.#sessions.deadlineUs, waits ? this.#tryAgainUs : Infinity);
    for (const { sinceUs } of this.#moves.values()) {
      deadlineUs = Math.min(deadlineUs, sinceUs + this.#settings.migrationTimeoutUs);
    }
    return deadlineUs;
  }

  /** Something about the node has changed. */
  attendTo(node: NodeName): void {
    for (const { id } of this.#memory.working.vmsOnNode(node)) this.#attention.add(id);
    this.#drainUs = this.#desk.nowUs;
  }

  onCommitted(batch: Batch): void {
    for (const { table, key, row } of batch.rows) {
      if (table !== 'vms') continue;
      if (row === undefined) this.#moves.delete(key);
      else this.#followMove(row as VmRow);
    }
  }

  run(): void {
    this.#overdue.push(...this.#sessions.overdue().filter((node) => !this.#overdue.includes(node)));
    while (this.#overdue.length > 0 && this.#memory.batch.hasRoom) this.#giveUp(this.#overdue.shift() ?? '');
    for (const id of this.#attention) {
      if (!this.#memory.batch.hasRoom) return;
      this.#attention.delete(id);
      this.#life.settle(id);
    }
    this.#endOldMoves();
    this.#tryPending();
    if (this.#desk.nowUs >= this.#drainUs) this.#drain();
  }

  #giveUp(node: NodeName): void {
    // It may have been heard of since it was found to be overdue.
    if (!this.#sessions.isOverdue(node)) return;
    giveUpNode(this.#memory, node);
    this.#sessions.end(node);
    this.attendTo(node);
  }

  #followMove({ id, migration }: VmRow): void {
    const before = this.#moves.get(id);
    if (migration === undefined) this.#moves.delete(id);
    else if (before?.phase !== migration.phase) {
      this.#moves.set(id, { sinceUs: this.#desk.nowUs, phase: migration.phase });
    }
  }

  #endOldMoves(): void {
    const { nowUs } = this.#desk;
    for (const [id, { sinceUs }] of this.#moves) {
      if (nowUs < sinceUs + this.#settings.migrationTimeoutUs) continue;
      if (!this.#memory.batch.hasRoom) return;
      this.#moves.delete(id);
      const row = this.#memory.working.vms.get(id);
      if (row?.migration === undefined) continue;
      const why = 'it took too long';
      this.#memory.put('vms', endHandOver(this.#memory, abandonMigration(this.#memory, row, why), why));
      this.#life.settle(id);
    }
  }

  #tryPending(): void {
    const { nowUs } = this.#desk;
    if (
      this.#toTry.length === 0 &&
      nowUs >= this.#tryAgainUs &&
      this.#triedEdition !== this.#memory.roomEdition
    ) {
      this.#triedEdition = this.#memory.roomEdition;
      this.#tryAgainUs = nowUs + retryPauseUs;
      this.#toTry = [...this.#life.pending];
    }
    for (let tries = 0; tries < triesPerStep && this.#memory.batch.hasRoom; tries += 1) {
      const id = this.#toTry.shift();
      if (id === undefined) return;
      this.#life.settle(id);
    }
  }

  #drain(): void {
    const nodes = [...this.#memory.working.nodes.values()]
      .filter(({ draining, lost }) => draining && lost === undefined)
      .toSorted((left, right) => compareKeys(left.name, right.name));
    this.#drainUs = nodes.length === 0 ? Infinity : this.#desk.nowUs + retryPauseUs;
    for (const node of nodes) this.#drainNode(node);
  }

  #drainNode({ name }: NodeRow): void {
    const there = this.#memory.working.vmsOnNode(name).filter(({ placement }) => placement?.node === name);
    let moving = there.filter(isMoving).length;
    const mayGo = there.filter((row) => !isMoving(row) && !hasLocalDisks(row.spec)).map(({ id }) => id);
    if (mayGo.length === 0 || moving >= this.#settings.drainMovesMax) return;
    for (const { vm, to } of this.#memory.scheduler.evacuate(name, mayGo).moves) {
      if (moving >= this.#settings.drainMovesMax || !this.#memory.batch.hasRoom) return;
      const row = this.#memory.working.vms.get(vm);
      if (row === undefined) continue;
      const refused = this.#requests.beginMigration(row, to, undefined);
      // One that could go on running goes nowhere until it can; others are stopped first.
      if (refused === undefined || (!canMoveLive(row) && this.#requests.evict(row) === undefined))
        moving += 1;
    }
  }
}

function isMoving({ migration, eviction }: VmRow): boolean {
  return migration !== undefined || eviction !== undefined;
}

function canMoveLive({ spec, placement }: VmRow): boolean {
  const state = placement?.observed?.state;
  return spec.migratable && (state === 'running' || state === 'paused' || state === 'preparing');
}
