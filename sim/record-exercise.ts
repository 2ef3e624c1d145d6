import { type NodeId } from '../core/base/ids.ts';
import { usPerSecond } from '../core/base/units.ts';
import { eventTypes } from '../core/chainfire/api/watch.ts';
import { type ChainfireMember, type MemberView } from '../core/chainfire/member.ts';
import { keyOfRecord } from '../core/chainfire/mvcc/record.ts';
import { type Checker, type Operation, type RunEnd, type StepObservation, type WatchLog } from './types.ts';

/** A snapshot that comes sooner than this after another follows it in a row. */
const inARowUs = 5 * usPerSecond;

/**
 * Whether a run came into the situations in which etcd, by its own record, has gone wrong. Watches like a checker and never
 * complains. Where it cannot tell, it counts too little: these figures are for floors.
 */
export class RecordMeter implements Checker {
  readonly name = 'record-exercise';
  deletions = 0;
  overwrites = 0;
  appliedAgain = 0;
  freedInPart = 0;
  snapshotsInARow = 0;
  historicTxns = 0;
  compactedTxns = 0;
  watchesFromTheFuture = 0;
  watchesFromADeletion = 0;
  watchesStarved = 0;
  progressTold = 0;
  readonly #appliedIndexes = new Map<NodeId, number>();
  readonly #behind = new Map<NodeId, number>();
  readonly #installedUs = new Map<NodeId, number>();

  onStep({ node, event, member, nowUs }: StepObservation): void {
    const { view } = member;
    if (event.kind === 'snapshotReceived' && view.appliedIndex === event.header.index) {
      if (nowUs - (this.#installedUs.get(node) ?? -Infinity) < inARowUs) this.snapshotsInARow += 1;
      this.#installedUs.set(node, nowUs);
    }
    this.#appliedIndexes.set(node, view.appliedIndex);
    const { behind } = view.watches;
    // A watch that is asked for may begin behind, and a snapshot leaves all behind; any other falls back for want of room.
    const fellBack = event.kind !== 'streamReceived' && event.kind !== 'snapshotReceived';
    if (fellBack && behind > (this.#behind.get(node) ?? 0)) this.watchesStarved += 1;
    this.#behind.set(node, behind);
  }

  onRecovered(node: NodeId, { view }: ChainfireMember): void {
    if (view.appliedIndex < (this.#appliedIndexes.get(node) ?? 0)) this.appliedAgain += 1;
    if (isFreedInPart(view)) this.freedInPart += 1;
    this.#behind.delete(node);
  }

  onEnd(end: RunEnd): void {
    const compacted = new Set<number>();
    for (const operation of end.history) {
      this.#count(operation);
      const { request, outcome } = operation;
      if (request.kind === 'compact' && outcome.kind === 'answered') compacted.add(request.request.revision);
    }
    for (const watch of end.watches) {
      this.progressTold += watch.deliveries.slice(1).filter(({ batch }) => batch.events.length === 0).length;
      if (beginsInTheFuture(watch)) this.watchesFromTheFuture += 1;
      if (beginsWithADeletion(watch, compacted)) this.watchesFromADeletion += 1;
    }
  }

  #count({ request, outcome }: Operation): void {
    if (request.kind === 'txn') {
      const { success } = request.request;
      const isHistoric = success.some(({ requestRange }) => (requestRange?.revision ?? 0) > 0);
      if (isHistoric && outcome.kind === 'answered') this.historicTxns += 1;
      if (outcome.kind === 'refused' && outcome.refusal.code === 'COMPACTED') this.compactedTxns += 1;
    }
    if (outcome.kind !== 'answered') return;
    const { response } = outcome;
    if (response.kind === 'deleteRange' && response.response.deleted > 0) this.deletions += 1;
    if (response.kind === 'put' && response.response.prevKv !== undefined) this.overwrites += 1;
  }
}

/** Below the compacted revision a key has one record at most, once all that was released is freed. */
function isFreedInPart(view: MemberView): boolean {
  const keys = new Set<string>();
  for (const { record } of view.history(1, view.compactRevision - 1)) {
    const key = keyOfRecord(record);
    if (keys.has(key)) return true;
    keys.add(key);
  }
  return false;
}

/** It was set up at a revision below the one before its first. */
function beginsInTheFuture({ target, deliveries }: WatchLog): boolean {
  const [first] = deliveries;
  return (
    first !== undefined && first.batch.events.length === 0 && first.batch.revision < target.startRevision - 1
  );
}

function beginsWithADeletion({ target, deliveries }: WatchLog, compacted: ReadonlySet<number>): boolean {
  const event = deliveries.find(({ batch }) => batch.events.length > 0)?.batch.events[0];
  const { startRevision } = target;
  return (
    compacted.has(startRevision) &&
    event?.type === eventTypes.delete &&
    event.kv?.modRevision === startRevision
  );
}
