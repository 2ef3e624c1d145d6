import { type StoreRow } from '../../storage/backend.ts';
import { authTable } from '../auth/keys.ts';
import { leaseKeyTable, leaseTable } from '../lease/keys.ts';
import { currentTable, historyTable, indexTable, metaTable } from '../mvcc/keys.ts';
import { namespaceLeaseTable, namespaceTable } from '../namespace/keys.ts';

/** What becomes of a row of a snapshot in the new cluster that is made of it. */
export type RowFate =
  /** It stays as it is. */
  | 'taken'
  /** It speaks of the old cluster alone: the new one has its own, or none. */
  | 'left'
  /** No rule speaks of it: of a newer program, or damaged. Nothing is restored then, since it would be lost or misread. */
  | 'unknown';

interface RowRule {
  readonly table: string;
  /** One key, all keys that begin as a `prefix/` does, or every row of the table. */
  readonly rows: string | typeof everyRow;
  readonly fate: Exclude<RowFate, 'unknown'>;
}

const everyRow = Symbol('every row');

/** The one place that says it of every row that a member writes. Whoever adds a kind of row adds a line. */
const rules: readonly RowRule[] = [
  { table: currentTable, rows: everyRow, fate: 'taken' },
  { table: historyTable, rows: everyRow, fate: 'taken' },
  { table: indexTable, rows: everyRow, fate: 'taken' },
  { table: leaseTable, rows: everyRow, fate: 'taken' },
  { table: leaseKeyTable, rows: everyRow, fate: 'taken' },
  { table: authTable, rows: everyRow, fate: 'taken' },
  { table: namespaceTable, rows: everyRow, fate: 'taken' },
  { table: namespaceLeaseTable, rows: everyRow, fate: 'taken' },
  // How far the state is: the log begins behind it.
  { table: metaTable, rows: 'applied', fate: 'taken' },
  // How far this member was in freeing what is compacted, and what its rows come to.
  { table: metaTable, rows: 'physical', fate: 'taken' },
  // Who the members were.
  { table: metaTable, rows: 'configuration', fate: 'left' },
  { table: metaTable, rows: 'membership', fate: 'left' },
  { table: metaTable, rows: 'member/', fate: 'left' },
  // They name members of the old cluster: the new one finds for itself what is to be said of its own.
  { table: metaTable, rows: 'alarm/', fate: 'left' },
  { table: metaTable, rows: 'check', fate: 'left' },
];

const rulesByTable = new Map<string, RowRule[]>();
for (const rule of rules) {
  const ofTable = rulesByTable.get(rule.table);
  if (ofTable === undefined) rulesByTable.set(rule.table, [rule]);
  else ofTable.push(rule);
}

/** Tables that some rule speaks of. */
export const restorableTables: readonly string[] = [...rulesByTable.keys()];

export function rowFate(table: string, key: string): RowFate {
  for (const { rows, fate } of rulesByTable.get(table) ?? []) {
    if (rows === everyRow || rows === key || (rows.endsWith('/') && key.startsWith(rows))) return fate;
  }
  return 'unknown';
}

/** Those of a table's rows that a new cluster takes over, or the key of the first that nobody knows. */
export function rowsTaken(
  table: string,
  rows: readonly StoreRow[],
):
  | { readonly kind: 'taken'; readonly rows: readonly StoreRow[] }
  | { readonly kind: 'unknown'; readonly key: string } {
  const taken: StoreRow[] = [];
  for (const row of rows) {
    const fate = rowFate(table, row[0]);
    if (fate === 'unknown') return { kind: 'unknown', key: row[0] };
    if (fate === 'taken') taken.push(row);
  }
  return { kind: 'taken', rows: taken };
}
