import { setTimeout as sleep } from 'node:timers/promises';

import { LmdbBackendError } from '../../../adapters/lmdb/lmdb-backend-error.ts';
import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { killBatch, killTables } from './kill-content.ts';

/** A process under a limit of file size: it writes until a commit fails, and prints what it was told. */
const dir = process.argv[2];
if (dir === undefined) throw new Error('usage: full-disk-writer DIR');

// As many transactions as there can be.
const store = LmdbBackend.open({ dir, tables: killTables, commitIntervalMs: 0 });
const reports: number[] = [];
const failures: string[] = [];
store.onStored = (storeSeq) => reports.push(storeSeq);
store.onFailed = (reason) => failures.push(reason instanceof LmdbBackendError ? reason.code : reason.message);

const filler = new Uint8Array(30_000);
let number = 0;
let stageRefused = '';
while (failures.length === 0 && number < 5_000) {
  number += 1;
  store.write([...killBatch(number), { table: 'rows', key: `zz${number}`, value: filler }]);
  await new Promise((resolve) => setImmediate(resolve));
}
store.write(killBatch(number + 1));
await sleep(50);
try {
  const stage = store.openStage();
  for (let at = 0; at < 500; at += 1) store.stageRows(stage, 'rows', [[`k${1_000 + at}`, filler]]);
  store.installStage(stage);
} catch (error) {
  stageRefused = error instanceof LmdbBackendError ? error.code : String(error);
}
const readable = store.get('rows', 'z/last') !== undefined;
await store.close();
process.stdout.write(JSON.stringify({ reports, failures, number, stageRefused, readable }));
