import { type PlasmaEvent } from '../api.ts';
import { type NodeEpoch, type NodeName, type ProjectName, type Revision } from '../types.ts';
import { asciiJson } from './json-shape.ts';
import { type ControlPlaneResponse, type KvChange } from './protocol.ts';
import { encodeRow } from './row-codec.ts';
import { auditKey, type TableName, type Tables } from './rows.ts';
import { type ControlPlaneSettings } from './settings.ts';
import { type RowChange } from './view.ts';

/** No single decision changes more rows: five virtual machines, their operations, and the records of it all. */
export const decisionChangesMax = 24;

/** Who is answered when a commit is made. */
export interface Answer {
  readonly requestId: number;
  readonly response: ControlPlaneResponse;
  /** A node whose lease begins with it. */
  readonly grants: { readonly node: NodeName; readonly epoch: NodeEpoch } | undefined;
}

/** The audit records of one project, or of none, in one commit: they share a row of the store, which takes each row by itself. */
export interface BatchRecords {
  readonly project: ProjectName | undefined;
  readonly json: string[];
}

/** What one commit changes, and who is answered when it is done. */
export class Batch {
  /** Of the commit that it will be. */
  readonly revision: Revision;
  readonly #settings: ControlPlaneSettings;
  readonly #rows = new Map<string, RowChange>();
  /** Of rows that are in `#rows`, as far as they are encoded; and of keys that are none of memory's. */
  readonly #changes = new Map<string, KvChange>();
  /** Changed since somebody asked for room: a decision changes some rows more than once, and each is encoded once. */
  readonly #unencoded = new Map<string, RowChange>();
  readonly #events: PlasmaEvent[] = [];
  readonly #records = new Map<ProjectName | undefined, BatchRecords>();
  readonly #answers: Answer[] = [];
  #bytes = 0;

  constructor(settings: ControlPlaneSettings, revision: Revision) {
    this.#settings = settings;
    this.revision = revision;
  }

  /** Nothing to commit, and nobody to answer. */
  get isEmpty(): boolean {
    return this.#changesCount === 0 && this.#answers.length === 0;
  }

  /** For one more decision. */
  get hasRoom(): boolean {
    return this.#hasRoomFor(decisionChangesMax);
  }

  /** For one more change, when nothing more is decided. */
  get hasRoomForOne(): boolean {
    return this.#hasRoomFor(1);
  }

  /** As the store is told: the rows, and the records in the order in which their projects were first recorded. */
  get changes(): readonly KvChange[] {
    this.#encode();
    const changes = [...this.#changes.values()];
    for (const [position, { json }] of this.records.entries()) {
      const key = this.#settings.prefix + auditKey(this.revision, position);
      changes.push({ kind: 'put', key, value: `[${json.join(',')}]` });
    }
    return changes;
  }

  /** By position of their row. */
  get records(): readonly BatchRecords[] {
    return [...this.#records.values()];
  }

  /** The last change of each row, in the order in which the rows were first changed. */
  get rows(): Iterable<RowChange> {
    return this.#rows.values();
  }

  get events(): readonly PlasmaEvent[] {
    return this.#events;
  }

  get answers(): readonly Answer[] {
    return this.#answers;
  }

  change<Name extends TableName>(table: Name, key: string, row: Tables[Name] | undefined): void {
    const place = `${table}/${key}`;
    const change: RowChange = { table, key, row };
    this.#rows.set(place, change);
    this.#unencoded.set(place, change);
  }

  record(event: Omit<PlasmaEvent, 'revision'>): void {
    const { project } = event;
    const recorded = { revision: this.revision, ...event };
    const json = asciiJson(recorded);
    const beside = this.#records.get(project);
    if (beside === undefined) this.#records.set(project, { project, json: [json] });
    else beside.json.push(json);
    this.#bytes += json.length;
    this.#events.push(recorded);
  }

  /** Below the prefix, a row that is not kept in memory. */
  removeKey(key: string): void {
    this.#put(this.#settings.prefix + key, undefined);
  }

  answerThen(requestId: number, response: ControlPlaneResponse, grants: Answer['grants']): void {
    this.#answers.push({ requestId, response, grants });
  }

  get #changesCount(): number {
    // Those that are not encoded may be there already: then there is room for more than is said.
    return this.#changes.size + this.#unencoded.size + this.#records.size;
  }

  #hasRoomFor(changes: number): boolean {
    this.#encode();
    const { commitChangesMax, commitBytesMax } = this.#settings;
    // One more change is the commit's own.
    return this.#changesCount + changes < commitChangesMax && this.#bytes < commitBytesMax;
  }

  #encode(): void {
    for (const [place, { table, row }] of this.#unencoded) {
      this.#put(this.#settings.prefix + place, row === undefined ? undefined : encodeRow(table, row));
    }
    this.#unencoded.clear();
  }

  #put(key: string, value: string | undefined): void {
    this.#changes.set(key, value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value });
    this.#bytes += key.length + (value?.length ?? 0);
  }
}
