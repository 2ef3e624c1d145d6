import { type Revision } from '../types.ts';
import { type Desk } from './desk.ts';
import { parseJson, ShapeError } from './json-shape.ts';
import { Memory } from './memory.ts';
import { type KvOutcome, type KvRow } from './protocol.ts';
import { commitShape, decodeRow } from './row-codec.ts';
import {
  auditFolder,
  commitKey,
  leaderKey,
  ownKey,
  placesOf,
  type TableName,
  tableNames,
  type Tables,
} from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';
import { sharedDisksOf } from './view.ts';

export interface LastCommit {
  readonly revision: Revision;
  /** As it lies in the store; undefined: there never was one. */
  readonly row: string | undefined;
}

export type TakeoverNews =
  | { readonly kind: 'read'; readonly memory: Memory; readonly last: LastCommit }
  | { readonly kind: 'deposed'; readonly reason: string }
  /** `isWrong`: what lies there is not what it should be, which somebody has to look at. */
  | { readonly kind: 'failed'; readonly isWrong: boolean; readonly reason: string }
  | undefined;

type Found = { readonly [Name in TableName]: Tables[Name][] };

/**
 * A new leader reads all rows, page by page, as they were at one revision of the store. Nothing that an older leader has sent
 * can change them any more, since the term has been another one from before the first read.
 */
export class Takeover {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  readonly #term: number;
  /** What is still to be read: the next key, and the end of its range. */
  readonly #ranges: { key: string; readonly end: string }[];
  #storeRevision = 0;
  #kvId = 0;
  #leader: KvRow | undefined;
  #last: LastCommit = { revision: 0, row: undefined };
  readonly #found: Found = {
    vms: [],
    nodes: [],
    images: [],
    disks: [],
    deletedDisks: [],
    quotas: [],
    operations: [],
    deleted: [],
  };

  constructor(settings: ControlPlaneSettings, desk: Desk, term: number) {
    const { prefix } = settings;
    this.#settings = settings;
    this.#desk = desk;
    this.#term = term;
    // All but the audit records, which nobody needs in memory.
    const audit = prefix + auditFolder;
    this.#ranges = [
      { key: prefix, end: audit },
      { key: endOf(audit), end: endOf(prefix) },
    ];
    this.#read();
  }

  onAnswered(kvId: number, outcome: KvOutcome): TakeoverNews {
    if (kvId !== this.#kvId) return undefined;
    if (outcome.kind !== 'range') {
      const reason = 'reason' in outcome ? outcome.reason : 'the store has answered something else';
      return { kind: 'failed', isWrong: false, reason };
    }
    this.#storeRevision = outcome.revision;
    try {
      for (const row of outcome.rows) this.#take(row);
    } catch (error) {
      if (error instanceof ShapeError) return { kind: 'failed', isWrong: true, reason: error.message };
      throw error;
    }
    const [range] = this.#ranges;
    const last = outcome.rows.at(-1);
    if (range !== undefined && outcome.more && last !== undefined) range.key = `${last.key}\0`;
    else this.#ranges.shift();
    if (this.#ranges.length === 0) return this.#finish();
    this.#read();
    return undefined;
  }

  #read(): void {
    const [range] = this.#ranges;
    if (range === undefined) return;
    const { pageRows: limit, kvTimeoutUs: timeoutUs } = this.#settings;
    const revision = this.#storeRevision;
    this.#kvId = this.#desk.ask({ kind: 'kvRange', ...range, revision, limit, timeoutUs });
  }

  #take(row: KvRow): void {
    const key = row.key.slice(this.#settings.prefix.length);
    if (key === leaderKey) {
      this.#leader = row;
      return;
    }
    if (key === commitKey) {
      const { revision } = parseJson(commitShape, row.value, commitKey);
      this.#last = { revision, row: row.value };
      return;
    }
    const slash = key.indexOf('/');
    const table = tableNames.find((name) => name === key.slice(0, slash));
    if (table === undefined) throw new ShapeError(`${key} belongs to no table`);
    this.#decode(table, key.slice(slash + 1), row.value);
  }

  #decode<Name extends TableName>(table: Name, key: string, json: string): void {
    this.#found[table].push(decodeRow(table, key, json));
  }

  #finish(): TakeoverNews {
    if (this.#leader?.createRevision !== this.#term) {
      return { kind: 'deposed', reason: 'another term has begun' };
    }
    const memory = new Memory(this.#settings, this.#desk, this.#last.revision);
    const found = this.#found;
    const nodes = new Set(found.nodes.map(({ name }) => name));
    const disks = new Set(found.disks.map(({ project, name }) => ownKey(project, name)));
    for (const row of found.vms) {
      const lost = placesOf(row).find(({ node }) => !nodes.has(node));
      const missing = sharedDisksOf(row).find((name) => !disks.has(ownKey(row.spec.project, name)));
      if (lost === undefined && missing === undefined) continue;
      const reason =
        lost === undefined
          ? `vms/${row.id} has the shared disk ${missing}, and there is none of this name`
          : `vms/${row.id} has a place on ${lost.node}, and there is no node of this name`;
      return { kind: 'failed', isWrong: true, reason };
    }
    for (const row of found.nodes) memory.load('nodes', row);
    for (const row of found.images) memory.load('images', row);
    for (const row of found.disks) memory.load('disks', row);
    for (const row of found.deletedDisks) memory.load('deletedDisks', row);
    for (const row of found.quotas) memory.load('quotas', row);
    for (const row of found.deleted) memory.load('deleted', row);
    // Oldest first, in which order they are removed one day.
    for (const row of found.operations.toSorted((left, right) => left.revision - right.revision)) {
      memory.load('operations', row);
    }
    for (const row of found.vms) memory.load('vms', row);
    return { kind: 'read', memory, last: this.#last };
  }
}

/** Of the range of keys that begin with this, in printable ASCII. */
export function endOf(prefix: string): string {
  return prefix.slice(0, -1) + String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1);
}
