import { type ProjectName, type Revision } from '../types.ts';
import { type Batch } from './batch.ts';
import { type Desk } from './desk.ts';
import { parseJson, ShapeError } from './json-shape.ts';
import { OldestFirst } from './oldest-first.ts';
import { type KvOutcome, type KvRow } from './protocol.ts';
import { auditShape } from './row-codec.ts';
import { auditFolder, auditKey } from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';

/** More positions than a commit has rows of records. */
const positionsMax = 1_000;
/** So many rows at most go with one commit. */
const removalsMax = 16;
/** What belongs to no project is kept like what belongs to one. */
const noProject = '';

/** The rows of one project: revision and position in one number, and how many records each holds. */
interface ProjectRecords {
  readonly rows: OldestFirst<number>;
  readonly counts: OldestFirst<number>;
  total: number;
}

/**
 * Which audit records there are, by project, so that the oldest go when there are more than are kept: a row at a time, as soon as
 * there are enough without it. A new leader reads that in the background, one page at a time, and removes none before it knows all.
 */
export class AuditLog {
  readonly #settings: ControlPlaneSettings;
  readonly #desk: Desk;
  /** Where its own term's begin, which it has seen itself. */
  readonly #end: string;
  #key: string;
  /** The read under way; 0: none. */
  #kvId = 0;
  #isRead = false;
  readonly #records = new Map<ProjectName, ProjectRecords>();
  /** Of this term, while older ones are being read. */
  #newer: { readonly project: ProjectName; readonly row: number; readonly count: number }[] = [];
  readonly #tooMany = new Set<ProjectName>();

  constructor(settings: ControlPlaneSettings, desk: Desk, lastRevision: Revision) {
    this.#settings = settings;
    this.#desk = desk;
    this.#key = settings.prefix + auditFolder;
    this.#end = settings.prefix + auditKey(lastRevision + 1, 0);
    this.#read();
  }

  onAnswered(kvId: number, outcome: KvOutcome): void {
    if (kvId !== this.#kvId) return;
    this.#kvId = 0;
    // What could not be read is tried again with the next commit.
    if (outcome.kind !== 'range') return;
    for (const row of outcome.rows) this.#take(row);
    if (outcome.more) {
      this.#read();
      return;
    }
    this.#isRead = true;
    for (const { project, row, count } of this.#newer) this.#add(project, row, count);
    this.#newer = [];
  }

  onCommitted({ revision, records }: Batch): void {
    for (const [position, { project = noProject, json }] of records.entries()) {
      const row = revision * positionsMax + position;
      if (this.#isRead) this.#add(project, row, json.length);
      else this.#newer.push({ project, row, count: json.length });
    }
    if (!this.#isRead && this.#kvId === 0) this.#read();
  }

  /** Has the oldest of what is too much removed with a commit that is made anyway. */
  trim(batch: Batch): void {
    let removed = 0;
    for (const project of this.#tooMany) {
      const records = this.#records.get(project);
      while (records !== undefined && this.#hasTooMany(records)) {
        if (removed === removalsMax || !batch.hasRoomForOne) return;
        const row = records.rows.shift() ?? 0;
        records.total -= records.counts.shift() ?? 0;
        batch.removeKey(auditKey(Math.floor(row / positionsMax), row % positionsMax));
        removed += 1;
      }
      this.#tooMany.delete(project);
    }
  }

  #read(): void {
    const { pageRows: limit, kvTimeoutUs: timeoutUs } = this.#settings;
    const [key, end] = [this.#key, this.#end];
    this.#kvId = this.#desk.ask({ kind: 'kvRange', key, end, revision: 0, limit, timeoutUs });
  }

  #take({ key, value }: KvRow): void {
    this.#key = `${key}\0`;
    const [revision, position] = key.slice((this.#settings.prefix + auditFolder).length).split('.');
    const number = Number(revision) * positionsMax + Number(position);
    if (!Number.isSafeInteger(number)) return;
    try {
      const records = parseJson(auditShape, value, key);
      this.#add(records[0]?.project ?? noProject, number, records.length);
    } catch (error) {
      // Somebody has written there by hand, and may remove it by hand.
      if (!(error instanceof ShapeError)) throw error;
    }
  }

  #add(project: ProjectName, row: number, count: number): void {
    let records = this.#records.get(project);
    if (records === undefined) {
      records = { rows: new OldestFirst(), counts: new OldestFirst(), total: 0 };
      this.#records.set(project, records);
    }
    records.rows.push(row);
    records.counts.push(count);
    records.total += count;
    if (this.#hasTooMany(records)) this.#tooMany.add(project);
  }

  #hasTooMany({ counts, total }: ProjectRecords): boolean {
    return counts.size > 0 && total - (counts.first ?? 0) >= this.#settings.keptPerProject;
  }
}
