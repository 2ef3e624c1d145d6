import { type PlasmaEvent } from '../api.ts';
import { type NodeEpoch, type NodeName, type Revision } from '../types.ts';
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

/** What one commit changes, and who is answered when it is done. */
export class Batch {
  /** Of the commit that it will be. */
  readonly revision: Revision;
  readonly #settings: ControlPlaneSettings;
  readonly #rows = new Map<string, RowChange>();
  readonly #changes = new Map<string, KvChange>();
  readonly #events: PlasmaEvent[] = [];
  readonly #answers: Answer[] = [];
  #bytes = 0;

  constructor(settings: ControlPlaneSettings, revision: Revision) {
    this.#settings = settings;
    this.revision = revision;
  }

  /** Nothing to commit, and nobody to answer. */
  get isEmpty(): boolean {
    return this.#changes.size === 0 && this.#answers.length === 0;
  }

  get hasRoom(): boolean {
    const { commitChangesMax, commitBytesMax } = this.#settings;
    // One more change is the commit's own.
    return this.#changes.size + decisionChangesMax < commitChangesMax && this.#bytes < commitBytesMax;
  }

  get changes(): Iterable<KvChange> {
    return this.#changes.values();
  }

  get changesCount(): number {
    return this.#changes.size;
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
    this.#rows.set(place, { table, key, row });
    this.#put(this.#settings.prefix + place, row === undefined ? undefined : encodeRow(table, row));
  }

  record(event: Omit<PlasmaEvent, 'revision'>): void {
    const recorded = { ...event, revision: this.revision };
    this.#put(this.#settings.prefix + auditKey(this.revision, this.#events.length), asciiJson(recorded));
    this.#events.push(recorded);
  }

  /** Below the prefix, a row that is not kept in memory. */
  removeKey(key: string): void {
    this.#put(this.#settings.prefix + key, undefined);
  }

  answerThen(requestId: number, response: ControlPlaneResponse, grants: Answer['grants']): void {
    this.#answers.push({ requestId, response, grants });
  }

  #put(key: string, value: string | undefined): void {
    this.#changes.set(key, value === undefined ? { kind: 'delete', key } : { kind: 'put', key, value });
    this.#bytes += key.length + (value?.length ?? 0);
  }
}
