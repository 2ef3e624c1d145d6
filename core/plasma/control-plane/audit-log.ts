import { type ProjectName, type Revision } from '../types.ts';
import { type Batch } from './batch.ts';
import { type Desk } from './desk.ts';
import { parseJson, ShapeError } from './json-shape.ts';
import { OldestFirst } from './oldest-first.ts';
import { type KvOutcome, type KvRow } from './protocol.ts';
import { auditShape } from './row-codec.ts';
import { auditFolder, auditKey } from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';

/** More positions than a commit has records. */
const positionsMax = 1_000;
/** So many records at most go with one commit. */
const removalsMax = 16;
/** What belongs to no project is kept like what belongs to one. */
const noProject = '';

/**
 * Which audit records there are, by project, so that the oldest go when there are more than are kept. A new leader reads that in
 * the background, one page at a time, and removes none before it knows all.
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
  /** By project: revision and position in one number. */
  readonly #records = new Map<ProjectName, OldestFirst<number>>();
  /** Of this term, while older ones are being read. */
  #newer: { readonly project: ProjectName; readonly record: number }[] = [];
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
    for (const { project, record } of this.#newer) this.#add(project, record);
    this.#newer = [];
  }

  onCommitted({ revision, events }: Batch): void {
    for (const [position, { project = noProject }] of events.entries()) {
      const record = revision * positionsMax + position;
      if (this.#isRead) this.#add(project, record);
      else this.#newer.push({ project, record });
    }
    if (!this.#isRead && this.#kvId === 0) this.#read();
  }

  /** Has the oldest of what is too much removed with a commit that is made anyway. */
  trim(batch: Batch): void {
    let removed = 0;
    for (const project of this.#tooMany) {
      const records = this.#records.get(project);
      while (records !== undefined && records.size > this.#settings.keptPerProject) {
        if (removed === removalsMax || !batch.hasRoom) return;
        const record = records.shift() ?? 0;
        batch.removeKey(auditKey(Math.floor(record / positionsMax), record % positionsMax));
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
    const record = Number(revision) * positionsMax + Number(position);
    if (!Number.isSafeInteger(record)) return;
    try {
      this.#add(parseJson(auditShape, value, key).project ?? noProject, record);
    } catch (error) {
      // Somebody has written there by hand, and may remove it by hand.
      if (!(error instanceof ShapeError)) throw error;
    }
  }

  #add(project: ProjectName, record: number): void {
    let records = this.#records.get(project);
    if (records === undefined) this.#records.set(project, (records = new OldestFirst()));
    records.push(record);
    if (records.size > this.#settings.keptPerProject) this.#tooMany.add(project);
  }
}
