import { SimulatedSegments } from '../../sim/disk/segments.ts';
import { seededPrng } from '../../sim/prng.ts';
import { World } from '../../sim/world.ts';
import { describeSegmentFiles } from './segment-files.ts';

let disks = 0;

describeSegmentFiles('simulated', () => {
  disks += 1;
  const world = new World();
  const files = new SimulatedSegments({ world, prng: seededPrng(`disk ${disks}`), syncMedianUs: 100 });
  return {
    files,
    wait: () => {
      world.runUntil(world.nowUs + 1_000);
      return Promise.resolve();
    },
    reopen: () => {
      files.crash('process');
      return files;
    },
    cutPower: () => {
      files.crash('machine');
      return files;
    },
    makeUnreadable: (file, sector) => {
      files.damage({ kind: 'unreadable', file, sector });
    },
    close: () => undefined,
  };
});
