import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { LmdbBackend } from '../../adapters/lmdb/lmdb-backend.ts';
import { storageBackendContract } from './storage-backend.ts';
import { contractTables, type OpenedStore } from './storage-backend-subject.ts';

function open(parent: string, dir: string): OpenedStore {
  // The contract is of content; a test that settles dozens of times need not wait for a pause each time.
  const store = LmdbBackend.open({ dir, tables: contractTables, commitIntervalMs: 1 });
  const reports: number[] = [];
  let written = 0;
  const write = store.write.bind(store);
  store.write = (batch) => (written = write(batch));
  store.onStored = (storeSeq) => reports.push(storeSeq);
  store.onFailed = (reason) => {
    throw reason;
  };
  const opened: OpenedStore = {
    store,
    settle: async () => {
      while ((reports.at(-1) ?? 0) < written) await sleep(1);
      return [...reports];
    },
    pause: () => sleep(1),
    // The end of a life here is an orderly one; what a kill leaves is the matter of lmdb-backend.kill.test.ts.
    reopen: async () => {
      await store.close();
      return open(parent, dir);
    },
    close: async () => {
      await store.close();
      rmSync(parent, { recursive: true, force: true });
    },
  };
  return opened;
}

storageBackendContract('the store on LMDB', () => {
  const parent = mkdtempSync(join(tmpdir(), 'photon-lmdb-'));
  return Promise.resolve(open(parent, join(parent, 'state')));
});
