import { compareKeys, latin1FromBytes } from '../../core/base/bytes.ts';
import { present } from '../../core/base/assert.ts';
import {
  type Compare,
  compareResults,
  compareTargets,
  type KeyValue,
  sortTargets,
  type TxnRequest,
} from '../../core/chainfire/api/kv.ts';
import { type MemberRequest } from '../../core/chainfire/member-protocol.ts';
import { type Operation } from '../types.ts';
import { executedLeaves, headerOf, isUnknown, mayWrite, possibleLeaves, surelyWrote } from './outcomes.ts';
import { ValueWriters } from './value-writers.ts';
import { type SearchMove } from './wing-gong.ts';

/** An operation as the search for a linearization sees it. */
export interface KvMove extends SearchMove {
  readonly operation: Operation;
  /** What its answer, or somebody's sight of its value, says about when it took effect. */
  readonly revision: number | undefined;
  /** It took that revision for itself; otherwise it saw the state that this revision left. */
  readonly wrote: boolean;
  /** Lowest revision that it can have got, since it began after somebody was shown the one below. */
  readonly revisionMin: number;
}

type Draft = Pick<KvMove, 'operation' | 'startUs' | 'endUs' | 'revision' | 'wrote'>;

/** A key as an answer showed it, and the revision of the state that it was shown in. */
export interface Sighting {
  readonly operation: Operation;
  readonly kv: KeyValue;
  readonly atRevision: number;
  /** The answer left the value out. */
  readonly keysOnly: boolean;
}

/** Which reads take part: those that must be linearizable, or also those that only must show some past state. */
export type ReadsChecked = 'linearizable' | 'all';

/** Reads of a past or possibly old state: their revision says which; real time says nothing. */
export function isDetachedRead({ request }: Operation): boolean {
  if (request.kind === 'txn') return request.consistency === 'local' && !mayWrite(request);
  if (request.kind !== 'range') return false;
  return request.request.serializable || request.request.revision > 0 || request.consistency === 'local';
}

/** The revision of the state that an answered operation shows, or that its writes made. */
export function shownRevision(operation: Operation): number | undefined {
  const revision = headerOf(operation)?.revision;
  if (revision === undefined) return undefined;
  if (operation.request.kind === 'range' && operation.request.request.revision > 0)
    return operation.request.request.revision;
  return revision;
}

export function sightings(history: readonly Operation[]): readonly Sighting[] {
  const seen: Sighting[] = [];
  for (const operation of history) {
    const revision = shownRevision(operation);
    if (revision === undefined) continue;
    for (const leaf of executedLeaves(operation)) {
      if (leaf.kind === 'range') {
        const atRevision = leaf.request.revision > 0 ? leaf.request.revision : revision;
        const { keysOnly } = leaf.request;
        for (const kv of leaf.response?.kvs ?? []) seen.push({ operation, kv, atRevision, keysOnly });
      } else if (leaf.kind === 'put' && leaf.response?.prevKv !== undefined) {
        seen.push({ operation, kv: leaf.response.prevKv, atRevision: revision - 1, keysOnly: false });
      } else if (leaf.kind === 'delete') {
        for (const kv of leaf.response?.prevKvs ?? [])
          seen.push({ operation, kv, atRevision: revision - 1, keysOnly: false });
      }
    }
  }
  return seen;
}

/** Writes of unknown outcome whose value somebody saw: they did happen, and at which revision. */
function learnedRevisions(
  history: readonly Operation[],
  seen: readonly Sighting[],
): ReadonlyMap<Operation, number> {
  const writers = new ValueWriters(history);
  const learned = new Map<Operation, number>();
  for (const { kv, keysOnly } of seen) {
    const writer = keysOnly ? 'several' : writers.writerOf(kv.key, kv.value);
    if (typeof writer === 'object' && isUnknown(writer) && !learned.has(writer))
      learned.set(writer, kv.modRevision);
  }
  return learned;
}

/** The moves of a history, ranked where a revision says where they belong. */
export function kvMoves(
  history: readonly Operation[],
  seen: readonly Sighting[],
  reads: ReadsChecked,
): readonly KvMove[] {
  const learned = learnedRevisions(history, seen);
  const drafts: Draft[] = [];
  for (const operation of history) {
    const { startUs } = operation;
    if (isUnknown(operation)) {
      if (!mayWrite(operation.request)) continue;
      drafts.push({ operation, startUs, endUs: Infinity, revision: learned.get(operation), wrote: true });
      continue;
    }
    const revision = shownRevision(operation);
    if (revision === undefined || operation.request.kind === 'compact') continue;
    if (isDetachedRead(operation)) {
      if (reads === 'all') drafts.push({ operation, startUs: 0, endUs: Infinity, revision, wrote: false });
      continue;
    }
    drafts.push({
      operation,
      startUs,
      endUs: present(operation.endUs, 'an answer has a time'),
      revision,
      wrote: surelyWrote(operation) !== undefined,
    });
  }
  const ranks = rank(drafts);
  const lowest = new RevisionFloor(history);
  const valuesMatter = history.some(ordersValues);
  return drafts.map((draft) => ({
    ...draft,
    rank: ranks.get(draft),
    revisionMin: lowest.after(draft.startUs),
    alike: draft.revision === undefined && !valuesMatter ? shapeOf(draft.operation) : undefined,
  }));
}

/** The request without the values that it puts, which nobody saw: what tells it from others that nobody saw either. */
function shapeOf(operation: Operation): string {
  return JSON.stringify(operation.request, (name: string, field: unknown) => {
    if (field instanceof Uint8Array) return latin1FromBytes(field);
    if (typeof field === 'bigint') return String(field);
    return name === 'requestPut' || name === 'request' ? withoutValue(field) : field;
  });
}

function withoutValue(request: unknown): unknown {
  if (typeof request !== 'object' || request === null || !('value' in request)) return request;
  return { ...request, value: '' };
}

/** A compare for less or greater, or a sort, tells values apart that nobody has seen. */
function ordersValues(operation: Operation): boolean {
  const { request } = operation;
  if (request.kind === 'range') return request.request.sortTarget === sortTargets.value;
  if (request.kind !== 'txn') return false;
  return comparesOf(request.request).some(
    ({ target, result }) =>
      target === compareTargets.value &&
      result !== compareResults.equal &&
      result !== compareResults.notEqual,
  );
}

/** Order of effect: by revision, the write that made it first, then those that saw it, which commute. */
function rank(drafts: readonly Draft[]): ReadonlyMap<Draft, number> {
  const ranked = drafts
    .filter((draft) => draft.revision !== undefined)
    .sort((left, right) => {
      const revisions = (left.revision ?? 0) - (right.revision ?? 0);
      if (revisions !== 0) return revisions;
      if (left.wrote !== right.wrote) return left.wrote ? -1 : 1;
      return left.startUs - right.startUs;
    });
  return new Map(ranked.map((draft, position) => [draft, position]));
}

/** The highest revision that anybody had been shown before a time. */
class RevisionFloor {
  readonly #endsUs: number[] = [];
  readonly #revisions: number[] = [];

  constructor(history: readonly Operation[]) {
    const answered = history
      .filter((operation) => operation.endUs !== undefined && headerOf(operation) !== undefined)
      .sort((left, right) => (left.endUs ?? 0) - (right.endUs ?? 0));
    let highest = 0;
    for (const operation of answered) {
      highest = Math.max(highest, headerOf(operation)?.revision ?? 0);
      this.#endsUs.push(operation.endUs ?? 0);
      this.#revisions.push(highest);
    }
  }

  after(startUs: number): number {
    let [low, high] = [0, this.#endsUs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#endsUs[middle] ?? 0) < startUs) low = middle + 1;
      else high = middle;
    }
    return (this.#revisions[low - 1] ?? 0) + 1;
  }
}

/** Every key that the history names, in byte order: those that exist at some time are among them. */
export function keysOf(history: readonly Operation[], seen: readonly Sighting[]): readonly string[] {
  const keys = new Set<string>();
  for (const operation of history) {
    for (const leaf of possibleLeaves(operation.request)) {
      if (leaf.kind === 'put' || leaf.request.rangeEnd === '') keys.add(leaf.request.key);
    }
    if (operation.request.kind !== 'txn') continue;
    for (const compare of comparesOf(operation.request.request)) keys.add(compare.key);
  }
  for (const { kv } of seen) keys.add(kv.key);
  return [...keys].sort(compareKeys);
}

/** The compares of a txn and of those nested in it. */
export function comparesOf(txn: TxnRequest): readonly Compare[] {
  const nested = [...txn.success, ...txn.failure].flatMap((op) =>
    op.requestTxn === undefined ? [] : comparesOf(op.requestTxn),
  );
  return [...txn.compare, ...nested];
}

/** Revisions that a request names to tell keys apart; `exactly`: those written at it from all others, on both sides alike. */
export function revisionsAskedBy(request: MemberRequest): { at: number; exactly: boolean }[] {
  const asked: { at: number; exactly: boolean }[] = [];
  for (const leaf of possibleLeaves(request)) {
    if (leaf.kind !== 'range') continue;
    const { minModRevision, maxModRevision, minCreateRevision, maxCreateRevision } = leaf.request;
    for (const at of [minModRevision, maxModRevision, minCreateRevision, maxCreateRevision])
      if (at > 0) asked.push({ at, exactly: false });
  }
  if (request.kind !== 'txn') return asked;
  for (const { target, result, createRevision, modRevision } of comparesOf(request.request)) {
    const at = target === compareTargets.create ? createRevision : modRevision;
    if (target !== compareTargets.create && target !== compareTargets.mod) continue;
    const exactly = result === compareResults.equal || result === compareResults.notEqual;
    asked.push({ at: at ?? 0, exactly });
  }
  return asked;
}
