import { type Memory } from './memory.ts';
import { type VmMigration, type VmRow } from './rows.ts';
import { executing, leftBehind, toldSince, wantedAnew, withoutProcess } from './vm-row-changes.ts';

/**
 * Moves of virtual machines, step by step: each function is given a row and gives back the one that follows from what was told
 * so far, or the same one where nothing follows.
 *
 * A live migration: the target makes ready (`preparing`), the source sends and stops its guest just before the hand-over
 * (`sending`), and only then, in one commit, the target becomes the owner (`handing-over`), after which the source may hand over
 * and can only quit. Until that commit the source owns it and may be told to go on; afterwards never again, whatever comes of
 * the hand-over: the target runs it, from the state it was given or from its disks.
 */
export function followMigration(memory: Memory, row: VmRow): VmRow {
  const { migration } = row;
  if (migration === undefined) return row;
  switch (migration.phase) {
    case 'preparing':
      return followPreparing(memory, row, migration);
    case 'sending':
      return followSending(memory, row, migration);
    case 'handing-over':
      return followHandOver(memory, row);
  }
}

/** Gives a migration up that the source still owns. It goes on there; what the target has is removed. */
export function abandonMigration(memory: Memory, row: VmRow, why: string): VmRow {
  const { migration } = row;
  if (migration === undefined || migration.phase === 'handing-over') return row;
  memory.finishOperation(row.spec.project, migration.operation, 'failed', why);
  memory.note('migrationAbandoned', { ...about(row), node: migration.to.node, message: why });
  return wantedAnew(row, {
    migration: undefined,
    abandonedGeneration: mayStandStill(row, migration) ? row.generation + 1 : row.abandonedGeneration,
    remains: [...row.remains, leftBehind(row, migration.to, true)],
  });
}

/** The target has owned it since the commit: it starts there from its disks, if the state never came. */
export function endHandOver(memory: Memory, row: VmRow, why: string): VmRow {
  const { migration } = row;
  if (migration?.phase !== 'handing-over') return row;
  memory.finishOperation(row.spec.project, migration.operation, 'done', why);
  memory.note('migrated', { ...about(row), node: migration.to.node, message: why });
  return wantedAnew(row, { migration: undefined });
}

/**
 * The source goes on after a migration that was given up: from here on nothing but running is wanted of it. Its agent has carried
 * that out, or there was nothing to take back: it was killed and started anew meanwhile, and stands, waiting to be told to run.
 */
export function followAbandoned(row: VmRow): VmRow {
  const { abandonedGeneration, placement } = row;
  if (abandonedGeneration === undefined) return row;
  const goesOn = placement === undefined || toldSince(placement, abandonedGeneration, notOnItsWay);
  return goesOn ? wantedAnew(row, { abandonedGeneration: undefined }) : row;
}

const notOnItsWay = new Set([...executing, ...withoutProcess, 'preparing'] as const);

/** It has stopped where it was to leave: from here on it may be placed anew. */
export function followEviction(memory: Memory, row: VmRow): VmRow {
  const { eviction, placement } = row;
  if (eviction === undefined) return row;
  if (placement === undefined) {
    // Where it goes is decided when it is to run again.
    if (row.wanted === 'running' || row.wanted === 'paused') return row;
    memory.finishOperation(
      row.spec.project,
      eviction.operation,
      'done',
      'it has left, and is to stand still',
    );
    return { ...row, eviction: undefined };
  }
  if (!toldSince(placement, eviction.sinceGeneration, withoutProcess)) return row;
  memory.note('left', { ...about(row), node: placement.node });
  const isClean = placement.observed?.state === 'gone';
  return wantedAnew(row, {
    placement: undefined,
    remains: isClean ? row.remains : [...row.remains, leftBehind(row, placement, false)],
  });
}

function followPreparing(memory: Memory, row: VmRow, migration: VmMigration): VmRow {
  const { to, sinceGeneration } = migration;
  const troubled = troubleOf(memory, row, migration);
  if (troubled !== undefined) return abandonMigration(memory, row, troubled);
  const { observed } = to;
  if (observed?.state !== 'incoming' || observed.generation < sinceGeneration) return row;
  if (observed.incomingUri === undefined) return row;
  return wantedAnew(row, { migration: { ...migration, phase: 'sending' } });
}

function followSending(memory: Memory, row: VmRow, migration: VmMigration): VmRow {
  const { to, sinceGeneration } = migration;
  const troubled = troubleOf(memory, row, migration);
  if (troubled !== undefined) return abandonMigration(memory, row, troubled);
  const { placement } = row;
  if (placement === undefined || !toldSince(placement, sinceGeneration, handingOver)) return row;
  memory.note('handedOver', { ...about(row), node: to.node, message: `from ${placement.node}` });
  return wantedAnew(row, {
    placement: to,
    migration: { ...migration, phase: 'handing-over' },
    remains: [...row.remains, leftBehind(row, placement, true)],
  });
}

const handingOver = new Set(['handing-over'] as const);

/** The source may have begun to send, and wait for the hand-over. */
function mayStandStill({ placement }: VmRow, { phase, sinceGeneration }: VmMigration): boolean {
  if (phase !== 'sending' || placement === undefined) return false;
  return !toldSince(placement, sinceGeneration, withoutProcess);
}

/** Why a migration cannot go on that the source still owns. */
function troubleOf(
  memory: Memory,
  row: VmRow,
  { to, from, sinceGeneration }: VmMigration,
): string | undefined {
  if (memory.working.nodes.get(to.node)?.lost !== undefined) return `the node ${to.node} is lost`;
  if (memory.working.nodes.get(from.node)?.lost !== undefined) return `the node ${from.node} is lost`;
  if (toldSince(to, sinceGeneration, withoutProcess)) {
    return `it could not be received: ${to.observed?.message ?? ''}`;
  }
  const { placement } = row;
  if (placement !== undefined && toldSince(placement, sinceGeneration, withoutProcess)) {
    return `it has ended where it was: ${placement.observed?.message ?? ''}`;
  }
  return undefined;
}

function followHandOver(memory: Memory, row: VmRow): VmRow {
  const { placement } = row;
  // Under its token nothing executed before it became the owner, so that what was told of it is new, whenever it was told.
  if (placement === undefined) return endHandOver(memory, row, 'its node is lost, too');
  if (toldSince(placement, 0, executing)) return endHandOver(memory, row, '');
  if (toldSince(placement, row.generation, withoutProcess)) {
    return endHandOver(memory, row, 'the state did not arrive: it starts from its disks');
  }
  return row;
}

function about(row: VmRow): { readonly project: string; readonly vm: string } {
  return { project: row.spec.project, vm: row.id };
}
