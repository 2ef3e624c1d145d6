import { authTable } from './auth/keys.ts';
import { leaseKeyTable, leaseTable } from './lease/keys.ts';
import { currentTable, historyTable, indexTable, metaTable } from './mvcc/keys.ts';
import { namespaceLeaseTable, namespaceTable } from './namespace/keys.ts';

/** Tables of a member's store. */
export const memberTables: readonly string[] = [
  currentTable,
  historyTable,
  indexTable,
  leaseTable,
  leaseKeyTable,
  authTable,
  namespaceTable,
  namespaceLeaseTable,
  metaTable,
];
