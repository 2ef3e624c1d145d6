import { compareKeys } from '../../base/bytes.ts';
import { demandOf, placementVm } from '../placement/placement-vm.ts';
import { type PlacementOutcome, unfitInWords } from '../placement/placement-outcome.ts';
import { type NodeName, type VmId } from '../types.ts';
import { specToldOf } from './desired.ts';
import { type Memory } from './memory.ts';
import {
  countedPlacesOf,
  type DeletedRow,
  hasLocalDisks,
  ownKey,
  type RemainingPlace,
  type VmRow,
} from './rows.ts';
import { sharedDisksOf } from './view.ts';
import {
  abandonMigration,
  endHandOver,
  followAbandoned,
  followEviction,
  followMigration,
} from './vm-moves.ts';
import {
  hasSurelyStopped,
  leaveDisks,
  leftBehind,
  toldSince,
  wantedAnew,
  withoutProcess,
} from './vm-row-changes.ts';

/** So many at most are displaced for one, each of which is part of the same decision. */
const victimsMax = 4;

/**
 * What becomes of virtual machines: brings a row to what follows from what is wanted of it, what was told of its places and
 * what is known of its nodes. Asked after every change of any of these, and it does not matter how often.
 */
export class VmLife {
  readonly #memory: Memory;
  /** Those that want to run and have no place. */
  readonly #pending = new Set<VmId>();
  /** Room that is kept while those that were displaced for it leave. */
  readonly #kept = new Map<VmId, { readonly node: NodeName; readonly victims: readonly VmId[] }>();

  constructor(memory: Memory) {
    this.#memory = memory;
    for (const row of memory.working.vms.values()) this.#notePending(row);
  }

  /** The most important first. */
  get pending(): readonly VmId[] {
    const { vms } = this.#memory.working;
    const priority = (id: VmId): number => vms.get(id)?.spec.priority ?? 0;
    return [...this.#pending].toSorted(
      (left, right) => priority(right) - priority(left) || compareKeys(left, right),
    );
  }

  get pendingCount(): number {
    return this.#pending.size;
  }

  settle(id: VmId): void {
    const { working } = this.#memory;
    for (;;) {
      const row = working.vms.get(id);
      if (row === undefined) break;
      const next = this.#next(row);
      if (next === row) break;
      if (next === undefined) this.#remove(row);
      else this.#memory.put('vms', next);
    }
    const row = working.vms.get(id);
    if (row === undefined) this.#pending.delete(id);
    else this.#notePending(row);
    if (!this.#pending.has(id)) this.#unkeep(id);
  }

  /** One that is deleted already. */
  settleDeleted(id: VmId): void {
    const { working } = this.#memory;
    const row = working.deleted.get(id);
    if (row === undefined) return;
    const remains = row.remains.filter((place) => !isClean(place));
    if (remains.length === 0) this.#memory.remove('deleted', id);
    else if (remains.length < row.remains.length) this.#memory.put('deleted', { ...row, remains });
  }

  /** The first thing that follows; the same row: nothing does. Undefined: nothing remains of it. */
  #next(row: VmRow): VmRow | undefined {
    for (const follow of this.#rules) {
      const next = follow(row);
      if (next !== row) return next;
    }
    return this.#isOver(row) ? undefined : row;
  }

  readonly #rules: readonly ((row: VmRow) => VmRow)[] = [
    (row) => this.#cleaned(row),
    (row) => followMigration(this.#memory, row),
    (row) => this.#withoutLostNode(row),
    followAbandoned,
    (row) => followEviction(this.#memory, row),
    (row) => this.#countedLess(row),
    (row) => this.#placed(row),
    (row) => this.#startedAgain(row),
  ];

  /** What remained of older places, as far as it is not known to be gone. */
  #cleaned(row: VmRow): VmRow {
    const remains: RemainingPlace[] = [];
    let changed = false;
    for (const place of row.remains) {
      const node = this.#memory.working.nodes.get(place.node);
      if (isClean(place) || (node?.lost === 'forgotten' && row.wanted !== 'deleted')) {
        changed = true;
      } else if (
        place.alive &&
        (toldSince(place, place.sinceGeneration, withoutProcess) || hasSurelyStopped(node, row))
      ) {
        changed = true;
        remains.push({ ...place, alive: false });
      } else {
        remains.push(place);
      }
    }
    return changed ? { ...row, remains } : row;
  }

  /** It has stopped with its node's lease, or its node was given up: it may run elsewhere. */
  #withoutLostNode(row: VmRow): VmRow {
    const { placement, spec } = row;
    if (placement === undefined) return row;
    const node = this.#memory.working.nodes.get(placement.node);
    if (node?.lost !== 'forgotten') {
      if (spec.leasePolicy !== 'must-stop' || !hasSurelyStopped(node, row)) return row;
      // What it has there is not left behind for the sake of standing still elsewhere.
      if (row.wanted === 'stopped' && hasLocalDisks(spec)) return row;
    }
    const settled = abandonMigration(
      this.#memory,
      endHandOver(this.#memory, row, 'its node is lost, too'),
      'its node is lost',
    );
    this.#memory.note('nodeLeft', { project: spec.project, vm: row.id, node: placement.node });
    this.#memory.finishOperation(spec.project, row.eviction?.operation, 'done', 'its node was lost');
    return wantedAnew(this.#withoutOperations(settled, 'its node is lost'), {
      placement: undefined,
      eviction: undefined,
      abandonedGeneration: undefined,
      remains:
        node?.lost === 'forgotten'
          ? settled.remains
          : [...settled.remains, leftBehind(settled, placement, false)],
    });
  }

  /** Operations that nobody will carry out. A disk that was to be attached is there when it starts again. */
  #withoutOperations(row: VmRow, why: string): VmRow {
    for (const { id, kind } of row.operations) {
      const takesEffect = kind === 'attachDisk' || kind === 'resizeDisk';
      this.#memory.finishOperation(row.spec.project, id, takesEffect ? 'done' : 'failed', why);
    }
    return row.operations.length === 0 ? row : { ...row, operations: [] };
  }

  /** Once it is confirmed to have stopped it takes nothing but its disks. */
  #countedLess(row: VmRow): VmRow {
    const { placement } = row;
    if (row.counts === 'disk' || row.wanted !== 'stopped' || placement === undefined) return row;
    if (row.remains.some(({ alive }) => alive) || row.migration !== undefined) return row;
    return toldSince(placement, row.generation, withoutProcess) ? { ...row, counts: 'disk' } : row;
  }

  #placed(row: VmRow): VmRow {
    if (row.placement !== undefined || !wantsToRun(row)) return row;
    const except = row.remains.map(({ node }) => node);
    const outcome = this.#place(row, except);
    if (outcome.kind === 'noNode') {
      this.#makeRoom(row, except);
      return this.#nowhere(row, unfitInWords(outcome.unfit));
    }
    const { node } = outcome;
    const { project } = row.spec;
    this.#memory.note('placed', { project, vm: row.id, node });
    this.#memory.finishOperation(project, row.eviction?.operation, 'done', '');
    const fenceToken = this.#nextToken(row);
    return wantedAnew(row, {
      placement: { node, fenceToken, observed: undefined },
      eviction: undefined,
      fenceToken,
      counts: 'all',
      // They lie with the files of the token that they were taken under.
      snapshots: [],
      pendingReason: '',
    });
  }

  /** It waits for room like any other; whoever had it leave is told so, unless others are leaving for it. */
  #nowhere(row: VmRow, reason: string): VmRow {
    if (row.eviction === undefined || this.#kept.has(row.id)) return withReason(row, reason);
    const { operation } = row.eviction;
    this.#memory.finishOperation(row.spec.project, operation, 'failed', `it has left, and ${reason}`);
    return { ...withReason(row, reason), eviction: undefined };
  }

  /** Where it was to go first; then where others have made room; then anywhere. */
  #place(row: VmRow, except: readonly NodeName[]): PlacementOutcome {
    const { scheduler } = this.#memory;
    const asked = placementVm(row.id, row.spec);
    const kept = this.#kept.get(row.id);
    const waits = kept !== undefined && this.#areThere(kept.victims, kept.node);
    // What is kept for it is not free before they have left; afterwards nobody comes in between.
    if (!waits) this.#unkeep(row.id);
    const bounds = { except: waits ? [...except, kept.node] : except };
    for (const only of [row.eviction?.to, waits ? undefined : kept?.node]) {
      if (only === undefined) continue;
      const outcome = scheduler.place(asked, { ...bounds, only });
      if (outcome.kind === 'placed') return outcome;
    }
    return scheduler.place(asked, bounds);
  }

  #areThere(victims: readonly VmId[], node: NodeName): boolean {
    return victims.some((id) => {
      const row = this.#memory.working.vms.get(id);
      return row !== undefined && countedPlacesOf(row).some((place) => place.node === node);
    });
  }

  /** One that stands still on its node is to run again: if there is room for it, and else elsewhere. */
  #startedAgain(row: VmRow): VmRow {
    const { placement } = row;
    if (row.counts === 'all' || placement === undefined || !wantsToRun(row)) return row;
    const missing = this.#memory.scheduler.missingFor(row.id, demandOf(row.spec));
    if (missing === undefined) return wantedAnew(row, { counts: 'all', pendingReason: '' });
    const except = [placement.node, ...row.remains.map(({ node }) => node)];
    const asked = placementVm(row.id, row.spec);
    const mayMove =
      !hasLocalDisks(row.spec) && this.#memory.scheduler.place(asked, { except }).kind === 'placed';
    if (!mayMove) return withReason(row, `its node has no room for it: ${missing}`);
    return wantedAnew(row, {
      placement: undefined,
      remains: [...row.remains, leftBehind(row, placement, false)],
    });
  }

  /** Has less important ones leave a node, and keeps what becomes free there. */
  #makeRoom(row: VmRow, except: readonly NodeName[]): void {
    const { scheduler, working } = this.#memory;
    const kept = this.#kept.get(row.id);
    if (kept !== undefined && this.#memory.isUp(kept.node)) return;
    this.#unkeep(row.id);
    if (row.spec.priority === 0) return;
    const asked = placementVm(row.id, row.spec);
    const outcome = scheduler.preempt(asked, { except }, (id) => mayLeave(working.vms.get(id)));
    if (outcome.kind === 'noNode' || outcome.victims.length > victimsMax) return;
    const { node, victims } = outcome;
    for (const id of victims) {
      const victim = working.vms.get(id);
      if (victim === undefined) continue;
      this.#memory.note('displaced', {
        project: victim.spec.project,
        vm: id,
        node,
        message: `for ${row.id}, which is more important`,
      });
      this.#memory.put(
        'vms',
        wantedAnew(victim, {
          eviction: { to: undefined, sinceGeneration: victim.generation + 1, operation: undefined },
        }),
      );
    }
    const beneficiary = { kind: 'vm', vm: row.id } as const;
    scheduler.reserve({ id: row.id, node, kept: asked.demand, beneficiary });
    this.#kept.set(row.id, { node, victims });
  }

  #unkeep(id: VmId): void {
    if (this.#kept.delete(id)) this.#memory.scheduler.unreserve(id);
  }

  /** Above all that its disks were ever written under, by whomever. */
  #nextToken(row: VmRow): number {
    let newest = row.fenceToken;
    for (const name of sharedDisksOf(row)) {
      const disk = this.#memory.working.disks.get(ownKey(row.spec.project, name));
      newest = Math.max(newest, disk?.fenceToken ?? 0);
    }
    return newest + 1;
  }

  /** Deleted, and nothing remains but where nobody can look. */
  #isOver(row: VmRow): boolean {
    if (row.wanted !== 'deleted' || row.placement !== undefined) return false;
    const { nodes } = this.#memory.working;
    return row.remains.every(({ alive, node }) => !alive && nodes.get(node)?.lost !== undefined);
  }

  #remove(row: VmRow): void {
    const { id, spec, generation, fenceToken, remains } = row;
    this.#memory.note('removed', { project: spec.project, vm: id });
    leaveDisks(this.#memory, row, sharedDisksOf(row));
    if (remains.length > 0) {
      const proof: DeletedRow = {
        id,
        // Its disks may have gone by the time that somebody is told to close them.
        spec: { ...specToldOf(this.#memory.working, spec), cloudInit: undefined },
        generation,
        fenceToken,
        remains,
      };
      this.#memory.put('deleted', proof);
    }
    this.#memory.remove('vms', id);
  }

  #notePending(row: VmRow): void {
    const waits = wantsToRun(row) && (row.placement === undefined || row.counts === 'disk');
    if (waits) this.#pending.add(row.id);
    else this.#pending.delete(row.id);
  }
}

function wantsToRun({ wanted }: VmRow): boolean {
  return wanted === 'running' || wanted === 'paused';
}

function withReason(row: VmRow, pendingReason: string): VmRow {
  return row.pendingReason === pendingReason ? row : { ...row, pendingReason };
}

function isClean(place: RemainingPlace): boolean {
  return place.observed?.state === 'gone' && place.observed.generation >= place.sinceGeneration;
}

/** It can go on elsewhere with what it has, and is not on its way already. */
function mayLeave(row: VmRow | undefined): boolean {
  return (
    row !== undefined &&
    !hasLocalDisks(row.spec) &&
    wantsToRun(row) &&
    row.migration === undefined &&
    row.eviction === undefined
  );
}
