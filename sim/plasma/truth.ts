import { latin1FromBytes } from '../../core/base/bytes.ts';
import { type ChainfireMember } from '../../core/chainfire/member.ts';
import { type NodeId } from '../../core/base/ids.ts';
import { commitShape, decodeRow } from '../../core/plasma/control-plane/row-codec.ts';
import { parseJson } from '../../core/plasma/control-plane/json-shape.ts';
import {
  commitKey,
  leaderKey,
  tableNames,
  type Tables,
  type TableName,
} from '../../core/plasma/control-plane/rows.ts';
import { type Revision } from '../../core/plasma/types.ts';
import { isDeletion, Truth, type TrueChange } from '../checkers/truth.ts';
import { TruthRecorder } from '../checkers/truth-recorder.ts';

/** One row that a commit has changed; `after` undefined: it is no more. */
export interface TrueRowChange<Name extends TableName = TableName> {
  readonly table: Name;
  readonly key: string;
  readonly before: Tables[Name] | undefined;
  readonly after: Tables[Name] | undefined;
}

/** What one transaction of a server has made of the store. */
export interface TrueCommit {
  /** When the first member of the store had applied it. */
  readonly atUs: number;
  readonly storeRevision: number;
  /** Undefined: it has not numbered itself, as only commits do. */
  readonly revision: Revision | undefined;
  readonly rows: readonly TrueRowChange[];
  /** The create revision of the leader's key as it was just before; undefined: there was none. */
  readonly term: number | undefined;
}

/** The rows of the control plane as the store has them, revision by revision, whatever servers believe. */
export class PlasmaTruth {
  readonly vms = new Map<string, Tables['vms']>();
  readonly nodes = new Map<string, Tables['nodes']>();
  readonly disks = new Map<string, Tables['disks']>();
  readonly deletedDisks = new Map<string, Tables['deletedDisks']>();
  readonly quotas = new Map<string, Tables['quotas']>();
  readonly operations = new Map<string, Tables['operations']>();
  readonly images = new Map<string, Tables['images']>();
  readonly deleted = new Map<string, Tables['deleted']>();
  /** Terms that somebody has won. */
  terms = 0;
  readonly #prefix: string;
  readonly #recorder = new TruthRecorder(new Truth());
  #seen = 0;
  #term: number | undefined;

  constructor(prefix: string) {
    this.#prefix = prefix;
  }

  /** @returns what a member has applied that nobody had before, in order. @throws Violation when its history has gaps */
  look(node: NodeId, member: ChainfireMember, nowUs: number): readonly TrueCommit[] {
    this.#recorder.onRecovered(node, member, nowUs);
    const { changes } = this.#recorder.truth;
    if (changes.length === this.#seen) return [];
    const fresh = changes.slice(this.#seen);
    this.#seen = changes.length;
    return fresh.map((change) => this.#take(change));
  }

  #take({ atUs, revision: storeRevision, rows }: TrueChange): TrueCommit {
    const term = this.#term;
    const changed: TrueRowChange[] = [];
    let revision: Revision | undefined;
    for (const row of rows) {
      if (!row.key.startsWith(this.#prefix)) continue;
      const name = row.key.slice(this.#prefix.length);
      const json = isDeletion(row) ? undefined : latin1FromBytes(row.value);
      if (name === leaderKey) {
        if (json !== undefined && row.createRevision !== this.#term) this.terms += 1;
        this.#term = json === undefined ? undefined : row.createRevision;
      } else if (name === commitKey && json !== undefined) {
        revision = parseJson(commitShape, json, commitKey).revision;
      } else {
        const change = this.#change(name, json);
        if (change !== undefined) changed.push(change);
      }
    }
    return { atUs, storeRevision, revision, rows: changed, term };
  }

  #change(name: string, json: string | undefined): TrueRowChange | undefined {
    const slash = name.indexOf('/');
    const table = tableNames.find((candidate) => candidate === name.slice(0, slash));
    if (table === undefined) return undefined;
    const key = name.slice(slash + 1);
    const rows = this[table] as Map<string, Tables[typeof table]>;
    const before = rows.get(key);
    const after = json === undefined ? undefined : decodeRow(table, key, json);
    if (after === undefined) rows.delete(key);
    else rows.set(key, after);
    return { table, key, before, after };
  }
}
