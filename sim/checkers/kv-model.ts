import { present } from '../../core/base/assert.ts';
import { type KvMove, revisionsAskedBy, type Sighting } from './kv-moves.ts';
import { type KvPartition } from './kv-partitions.ts';
import { isInRange, KvState } from './kv-state.ts';
import { possibleLeaves } from './outcomes.ts';
import { type SearchModel } from './wing-gong.ts';

/** What the whole history says about which revisions a write of unknown outcome could have got. */
export interface RevisionEvidence {
  /** Revisions that no known write claims, ascending. */
  readonly unclaimed: readonly number[];
  /** By key, what was seen of it, in order of modification. */
  readonly seen: ReadonlyMap<string, readonly SeenVersion[]>;
  /** Keys that were created at an unclaimed revision, by it. */
  readonly created: ReadonlyMap<number, string>;
  /**
   * Revisions that requests ask for by number, ascending: a compare or a filter tells what was written at the one from what
   * was written below it. Between two of them one unclaimed revision is as good as another.
   */
  readonly asked: readonly number[];
}

/** A version of a key that somebody was shown. */
export interface SeenVersion {
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  /** Newest revision at which it was shown: from `modRevision` to here the key was not written. */
  readonly lastSeenRevision: number;
}

export function revisionEvidence(
  moves: readonly KvMove[],
  seen: readonly Sighting[],
  initialRevision: number,
): RevisionEvidence {
  const claimed = new Set<number>();
  let highest = initialRevision;
  for (const move of moves) {
    highest = Math.max(highest, move.revision ?? 0);
    if (move.wrote && move.revision !== undefined) claimed.add(move.revision);
  }
  const unclaimed: number[] = [];
  for (let revision = initialRevision + 1; revision <= highest; revision += 1) {
    if (!claimed.has(revision)) unclaimed.push(revision);
  }
  const created = new Map<number, string>();
  for (const { kv } of seen) if (!claimed.has(kv.createRevision)) created.set(kv.createRevision, kv.key);
  return { unclaimed, seen: seenVersions(seen), created, asked: askedRevisions(moves, claimed) };
}

function askedRevisions(moves: readonly KvMove[], claimed: ReadonlySet<number>): readonly number[] {
  const asked = new Set<number>();
  for (const { operation } of moves) {
    for (const { at, exactly } of revisionsAskedBy(operation.request)) {
      // What asks for no more than this one is answered alike wherever an unknown write goes, unless it goes there.
      if (exactly && claimed.has(at)) continue;
      asked.add(at).add(at + 1);
    }
  }
  return [...asked].sort((left, right) => left - right);
}

function seenVersions(seen: readonly Sighting[]): ReadonlyMap<string, readonly SeenVersion[]> {
  const byKey = new Map<string, Map<number, SeenVersion>>();
  for (const { kv, atRevision } of seen) {
    let versions = byKey.get(kv.key);
    if (versions === undefined) byKey.set(kv.key, (versions = new Map()));
    const { createRevision, modRevision, version } = kv;
    const lastSeenRevision = Math.max(versions.get(modRevision)?.lastSeenRevision ?? 0, atRevision);
    versions.set(modRevision, { createRevision, modRevision, version, lastSeenRevision });
  }
  return new Map(
    [...byKey].map(([key, versions]) => [
      key,
      [...versions.values()].sort((left, right) => left.modRevision - right.modRevision),
    ]),
  );
}

interface Applied {
  readonly mark: number;
  readonly revision: number;
  readonly shown: number;
  readonly ranked: boolean;
}

/**
 * etcd's key-value store as a sequential object with an undo list, over one partition's keys. Ranked moves happen at
 * their revision. An unranked one, a write of unknown outcome, happens at an unclaimed revision below that of the next
 * ranked move: the lowest at which its keys may have been written, also behind each revision that somebody asks for by
 * number, or the one at which somebody saw its key created.
 */
export class KvModel implements SearchModel<KvMove> {
  readonly #state: KvState;
  readonly #evidence: RevisionEvidence;
  /** Revisions of the ranked moves in order of rank. */
  readonly #ranked: readonly number[];
  readonly #applied: Applied[] = [];
  #rankedDone = 0;
  /** Revision of the last write. */
  #revision = 0;
  /** Highest revision that a write took or a read has seen; the next write is above. */
  #shown = 0;

  constructor(partition: KvPartition, evidence: RevisionEvidence) {
    this.#state = new KvState(partition.keys);
    this.#evidence = evidence;
    this.#ranked = partition.moves
      .filter((move) => move.rank !== undefined)
      .sort((left, right) => (left.rank ?? 0) - (right.rank ?? 0))
      .map((move) => move.revision ?? 0);
  }

  ways(move: KvMove): number {
    return move.rank === undefined ? this.#choices(move).length : 1;
  }

  apply(move: KvMove, way: number): string | undefined {
    const revision = move.revision ?? present(this.#choices(move)[way], 'a way is one of the choices');
    const mark = this.#state.mark;
    if (move.wrote && revision <= this.#shown) return `revision ${revision} was taken by another write`;
    const remember = move.alike === undefined ? 'byName' : 'anonymously';
    const reason =
      this.#state.execute(move.operation, revision, remember) ??
      (move.rank === undefined ? this.#contradiction(mark, revision) : undefined);
    if (reason !== undefined) {
      this.#state.undoTo(mark);
      return reason;
    }
    const ranked = move.rank !== undefined;
    this.#applied.push({ mark, revision: this.#revision, shown: this.#shown, ranked });
    if (ranked) this.#rankedDone += 1;
    if (move.wrote) this.#revision = revision;
    this.#shown = Math.max(this.#shown, revision);
    return undefined;
  }

  undo(): void {
    const applied = present(this.#applied.pop(), 'what is undone was applied');
    this.#state.undoTo(applied.mark);
    this.#revision = applied.revision;
    this.#shown = applied.shown;
    if (applied.ranked) this.#rankedDone -= 1;
  }

  stateKey(): string {
    return `${this.#revision};${this.#state.stateKey()}`;
  }

  #choices(move: KvMove): readonly number[] {
    const { unclaimed, created, asked } = this.#evidence;
    const upTo = this.#ranked[this.#rankedDone] ?? Infinity;
    const from = Math.max(this.#shown + 1, move.revisionMin);
    let touched: TouchedKeys | undefined;
    const choices: number[] = [];
    let lowestFound = false;
    let askedPassed = 0;
    for (let at = firstAtLeast(unclaimed, from); at < unclaimed.length; at += 1) {
      const revision = unclaimed[at] ?? Infinity;
      if (revision > upTo) break;
      const passed = firstAtLeast(asked, revision + 1);
      if (passed > askedPassed) lowestFound = false;
      askedPassed = passed;
      touched ??= touchedKeys(move, this.#evidence.seen.keys());
      const born = created.get(revision);
      if (born !== undefined ? !touched.puts.has(born) : lowestFound) continue;
      const quiet = touched.all.filter((key) => this.#isQuiet(key, revision)).length;
      if (quiet > 0 && quiet === touched.all.length) continue;
      choices.push(revision);
      // Where some of the keys were surely not written, whether it fits depends on which of them it writes.
      if (born === undefined && quiet === 0) lowestFound = true;
    }
    return choices;
  }

  #isQuiet(key: string, revision: number): boolean {
    const versions = this.#evidence.seen.get(key) ?? [];
    const before = versions[firstAbove(versions, revision) - 1];
    return before !== undefined && before.modRevision < revision && revision <= before.lastSeenRevision;
  }

  /**
   * Looks ahead, for a write of unknown outcome: whether what somebody was shown later cannot come of what it has just
   * done. Finds nothing that the search would not find; finds it before thousands of other moves are tried in between.
   */
  #contradiction(mark: number, revision: number): string | undefined {
    const written = this.#state.writtenSince(mark);
    if (written.length === 0) return 'it would have written nothing';
    for (const [key, kv] of written) {
      if (this.#isQuiet(key, revision)) return `${key} was not written at ${revision}`;
      const versions = this.#evidence.seen.get(key) ?? [];
      const next = versions[firstAbove(versions, revision)];
      if (next === undefined || next.createRevision > revision) continue;
      if (kv?.createRevision !== next.createRevision || kv.version >= next.version) {
        return `${key} at ${revision} would not become version ${next.version} at ${next.modRevision}`;
      }
    }
    return undefined;
  }
}

/** Position of the first version modified above `revision`. */
function firstAbove(versions: readonly SeenVersion[], revision: number): number {
  let [low, high] = [0, versions.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((versions[middle]?.modRevision ?? Infinity) <= revision) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface TouchedKeys {
  readonly puts: ReadonlySet<string>;
  /** Those that it could write, as far as anybody was ever shown a key of its ranges. */
  readonly all: readonly string[];
}

function touchedKeys(move: KvMove, seen: Iterable<string>): TouchedKeys {
  const puts = new Set<string>();
  const all = new Set<string>();
  const seenKeys = [...seen];
  for (const leaf of possibleLeaves(move.operation.request)) {
    if (leaf.kind === 'range') continue;
    const { key } = leaf.request;
    if (leaf.kind === 'put') puts.add(key);
    const rangeEnd = leaf.kind === 'put' ? '' : leaf.request.rangeEnd;
    if (rangeEnd === '') all.add(key);
    else for (const other of seenKeys) if (isInRange(other, key, rangeEnd)) all.add(other);
  }
  return { puts, all: [...all] };
}

function firstAtLeast(ascending: readonly number[], wanted: number): number {
  let [low, high] = [0, ascending.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? Infinity) < wanted) low = middle + 1;
    else high = middle;
  }
  return low;
}
