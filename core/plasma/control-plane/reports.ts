import { type FoundVm, type OperationReport, type VmReport } from '../agent-protocol.ts';
import { type FenceToken, type NodeEpoch, type NodeName } from '../types.ts';
import { verdictOn } from './desired.ts';
import { type Memory, messageCharsMax } from './memory.ts';
import { type Observed, type Place, placesOf, type RemainingPlace, type VmRow } from './rows.ts';
import { type VmLife } from './vm-life.ts';
import { abandonMigration } from './vm-moves.ts';
import { leaveDisks, leftBehind, wantedAnew } from './vm-row-changes.ts';

/** Where a report or an inventory comes from. */
export interface Teller {
  readonly node: NodeName;
  readonly epoch: NodeEpoch;
  /** Of the report; 0: an inventory, before the first of its epoch. */
  readonly sequence: number;
}

/** Takes in what agents have seen, one virtual machine at a time. */
export class Reports {
  readonly #memory: Memory;
  readonly #life: VmLife;

  constructor(memory: Memory, life: VmLife) {
    this.#memory = memory;
    this.#life = life;
  }

  /** What is of a place that nobody knows of changes nothing. */
  take(teller: Teller, report: VmReport): void {
    const row = this.#memory.working.vms.get(report.vm);
    if (row === undefined) {
      this.#takeOfDeleted(teller, report);
      return;
    }
    const place = placeAt(placesOf(row), teller.node, report.fenceToken);
    if (place === undefined || isOlder(teller, place.observed)) return;
    const observed = observedOf(teller, report);
    let next =
      place.observed !== undefined && sameBut(place.observed, observed)
        ? row
        : observing(row, place, observed);
    next = this.#withOperations(next, report.operations);
    const { migration } = next;
    if (
      report.migrationFailed === true &&
      migration?.phase === 'sending' &&
      report.generation >= migration.sinceGeneration
    ) {
      next = abandonMigration(this.#memory, next, report.message.slice(0, messageCharsMax));
    }
    if (next !== row) this.#memory.put('vms', next);
    this.#life.settle(report.vm);
  }

  judge(teller: Teller, found: FoundVm): 'adopt' | 'kill' | 'orphan' {
    return verdictOn(this.#memory.working, teller.node, found).verdict;
  }

  /** Something that was found, as judged: what belongs elsewhere is to be removed, and is wanted so from now on. */
  takeFound(teller: Teller, found: FoundVm): 'adopt' | 'kill' | 'orphan' {
    const { working } = this.#memory;
    const verdict = this.judge(teller, found);
    if (verdict !== 'kill') return verdict;
    const place = { node: teller.node, fenceToken: found.fenceToken, observed: undefined };
    const alive = found.instance !== undefined;
    const row = working.vms.get(found.vm);
    const proof = working.deleted.get(found.vm);
    if (row !== undefined && placeAt(row.remains, place.node, place.fenceToken) === undefined) {
      this.#memory.put('vms', wantedAnew(row, { remains: [...row.remains, leftBehind(row, place, alive)] }));
    } else if (proof !== undefined && placeAt(proof.remains, place.node, place.fenceToken) === undefined) {
      const remaining: RemainingPlace = { ...place, alive, sinceGeneration: proof.generation };
      this.#memory.put('deleted', { ...proof, remains: [...proof.remains, remaining] });
    }
    return verdict;
  }

  /** What a node should have, and what it has: a place of which nothing was found has no process, and nothing is left there. */
  takeMissing(teller: Teller, vm: string, found: ReadonlyMap<string, FoundVm>): void {
    const { working } = this.#memory;
    const row = working.vms.get(vm);
    if (row !== undefined) {
      let next = row;
      for (const place of placesOf(row)) {
        if (place.node !== teller.node) continue;
        const one = found.get(foundKey(vm, place.fenceToken));
        if (one?.instance !== undefined) continue;
        const state = one === undefined && row.placement !== place ? 'gone' : 'stopped';
        next = observing(next, place, foundNothing(teller, next, state));
      }
      if (next !== row) this.#memory.put('vms', next);
      this.#life.settle(vm);
    }
    const proof = working.deleted.get(vm);
    if (proof === undefined) return;
    const remains = proof.remains.map((place) =>
      place.node !== teller.node || found.has(foundKey(vm, place.fenceToken))
        ? place
        : { ...place, observed: foundNothing(teller, proof, 'gone') },
    );
    this.#memory.put('deleted', { ...proof, remains });
    this.#life.settleDeleted(vm);
  }

  #takeOfDeleted(teller: Teller, report: VmReport): void {
    const proof = this.#memory.working.deleted.get(report.vm);
    if (proof === undefined) return;
    const place = placeAt(proof.remains, teller.node, report.fenceToken);
    if (place === undefined || isOlder(teller, place.observed)) return;
    const observed = observedOf(teller, report);
    if (place.observed !== undefined && sameBut(place.observed, observed)) return;
    const remains = proof.remains.map((one) => (one === place ? { ...place, observed } : one));
    this.#memory.put('deleted', { ...proof, remains });
    this.#life.settleDeleted(report.vm);
  }

  #withOperations(row: VmRow, told: readonly OperationReport[]): VmRow {
    let next = row;
    for (const { id, outcome, message } of told) {
      const operation = next.operations.find((one) => one.id === id);
      if (operation === undefined) continue;
      this.#memory.finishOperation(row.spec.project, id, outcome, message);
      const operations = next.operations.filter((one) => one !== operation);
      next = wantedAnew(next, { operations, ...this.#effectOf(next, operation, outcome) });
    }
    return next;
  }

  #effectOf(
    row: VmRow,
    operation: VmRow['operations'][number],
    outcome: OperationReport['outcome'],
  ): Partial<VmRow> {
    const done = outcome === 'done';
    switch (operation.kind) {
      case 'snapshot':
        return done ? { snapshots: [...row.snapshots, operation.snapshot] } : {};
      case 'deleteSnapshot':
        return done ? { snapshots: row.snapshots.filter((one) => one !== operation.snapshot) } : {};
      case 'attachDisk': {
        if (done) return {};
        const failed = row.spec.disks.find(({ name }) => name === operation.disk);
        // It may have been opened before it could not be attached.
        if (failed?.sharedDisk !== undefined) leaveDisks(this.#memory, row, [failed.sharedDisk]);
        const disks = row.spec.disks.filter(({ name }) => name !== operation.disk);
        return { spec: { ...row.spec, disks } };
      }
      // What the specification says is so: a disk that could not grow has the size that it had.
      case 'resizeDisk': {
        const { fromBytes: sizeBytes } = operation;
        if (done || sizeBytes === undefined) return {};
        const disks = row.spec.disks.map((disk) =>
          disk.name === operation.disk ? { ...disk, sizeBytes } : disk,
        );
        return { spec: { ...row.spec, disks } };
      }
      case 'restore':
        return {};
    }
  }
}

export function foundKey(vm: string, fenceToken: FenceToken): string {
  return `${vm}/${fenceToken}`;
}

function placeAt<P extends Place>(
  places: readonly P[],
  node: NodeName,
  fenceToken: FenceToken,
): P | undefined {
  return places.find((place) => place.node === node && place.fenceToken === fenceToken);
}

function isOlder({ epoch, sequence }: Teller, observed: Observed | undefined): boolean {
  if (observed === undefined) return false;
  return epoch < observed.epoch || (epoch === observed.epoch && sequence <= observed.sequence);
}

function observedOf({ epoch, sequence }: Teller, report: VmReport): Observed {
  const { generation, state, instance, cause, restarts, incomingUri } = report;
  const message = report.message.slice(0, messageCharsMax);
  return { epoch, sequence, generation, state, instance, cause, message, restarts, incomingUri };
}

function foundNothing(
  { epoch, sequence }: Teller,
  { generation }: { readonly generation: number },
  state: 'gone' | 'stopped',
): Observed {
  return {
    epoch,
    sequence,
    generation,
    state,
    instance: undefined,
    cause: undefined,
    message: '',
    restarts: 0,
    incomingUri: undefined,
  };
}

/** Told again: only the number of the report is another. */
function sameBut(left: Observed, right: Observed): boolean {
  return (
    left.epoch === right.epoch &&
    left.generation === right.generation &&
    left.state === right.state &&
    left.instance?.pid === right.instance?.pid &&
    left.instance?.startTicks === right.instance?.startTicks &&
    left.cause === right.cause &&
    left.message === right.message &&
    left.restarts === right.restarts &&
    left.incomingUri === right.incomingUri
  );
}

function observing(row: VmRow, place: Place, observed: Observed): VmRow {
  const seen = { ...place, observed };
  if (row.placement !== undefined && isSame(row.placement, place)) {
    const { migration } = row;
    const isTarget = migration?.phase === 'handing-over';
    return { ...row, placement: seen, migration: isTarget ? { ...migration, to: seen } : migration };
  }
  if (row.migration !== undefined && isSame(row.migration.to, place)) {
    return { ...row, migration: { ...row.migration, to: seen } };
  }
  return {
    ...row,
    remains: row.remains.map((one) => (isSame(one, place) ? { ...one, observed } : one)),
  };
}

function isSame(left: Place, right: Place): boolean {
  return left.node === right.node && left.fenceToken === right.fenceToken;
}
