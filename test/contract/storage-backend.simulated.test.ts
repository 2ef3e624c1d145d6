import { SimulatedStore } from '../../sim/disk/store.ts';
import { seededPrng } from '../../sim/prng.ts';
import { World } from '../../sim/world.ts';
import { storageBackendContract } from './storage-backend.ts';
import { contractTables, type OpenedStore } from './storage-backend-subject.ts';

let disks = 0;

function opened(world: World, store: SimulatedStore): OpenedStore {
  const reports: number[] = [];
  store.onStored = (storeSeq) => reports.push(storeSeq);
  return {
    store,
    settle: () => {
      world.runUntil(world.nowUs + 1_000_000_000);
      return Promise.resolve(reports);
    },
    pause: () => {
      world.runUntil(world.nowUs + 700);
      return Promise.resolve();
    },
    reopen: () => {
      store.crash();
      return Promise.resolve(opened(world, store));
    },
    close: () => Promise.resolve(),
  };
}

storageBackendContract('the simulated store', () => {
  disks += 1;
  const world = new World();
  const prng = seededPrng(`store ${disks}`);
  return Promise.resolve(
    opened(world, new SimulatedStore({ world, prng, tables: contractTables, flushMedianUs: 1_000 })),
  );
});
