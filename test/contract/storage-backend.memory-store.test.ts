import { setImmediate } from 'node:timers/promises';

import { MemoryStore } from '../../adapters/memory/memory-store.ts';
import { storageBackendContract } from './storage-backend.ts';
import { contractTables } from './storage-backend-subject.ts';

storageBackendContract("the store of a member in memory, which reports what it's given as stored", () => {
  const store = new MemoryStore(contractTables);
  const reports: number[] = [];
  let written = 0;
  const write = store.write.bind(store);
  store.write = (batch) => (written = write(batch));
  store.onStored = (storeSeq) => reports.push(storeSeq);
  return Promise.resolve({
    store,
    settle: async () => {
      while ((reports.at(-1) ?? 0) < written) await setImmediate();
      return [...reports];
    },
    pause: () => setImmediate(),
    close: () => store.close(),
  });
});
