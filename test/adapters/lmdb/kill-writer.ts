import { writeSync } from 'node:fs';

import { LmdbBackend } from '../../../adapters/lmdb/lmdb-backend.ts';
import { killBatch, killContent, killTables, lastBatch } from './kill-content.ts';

/** A process that writes until it is killed, and says on its output which batch it believes to be stored. */
const dir = process.argv[2];
if (dir === undefined) throw new Error('usage: kill-writer DIR');

// As many transactions as there can be.
const store = LmdbBackend.open({ dir, tables: killTables, commitIntervalMs: 0 });
const base = lastBatch(store);
let number = base;

function say(storedNumber: number): void {
  writeSync(1, `${storedNumber}\n`);
}

store.onStored = (storeSeq) => {
  say(base + storeSeq);
};
store.onFailed = (reason) => {
  throw reason;
};
say(base);

/** The store's own content as a snapshot of itself: what a crash may not tear either. */
function installItself(): void {
  const stage = store.openStage();
  for (const table of killTables) {
    const rows = killContent(table, number);
    store.stageRows(stage, table, rows.slice(0, 20));
    store.stageRows(stage, table, rows.slice(20));
  }
  store.installStage(stage);
  say(number);
}

function writeSome(): void {
  for (let count = 0; count < 5; count += 1) {
    number += 1;
    store.write(killBatch(number));
    if (number % 97 === 0) installItself();
  }
  setImmediate(writeSome);
}

writeSome();
