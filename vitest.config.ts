import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

import { SlowestFirst } from './test/slowest-first.ts';

// Tests start hundreds of processes; what one has compiled the next need not.
process.env['NODE_COMPILE_CACHE'] ??= fileURLToPath(
  new URL('node_modules/.cache/node-compile', import.meta.url),
);
// What the files of a run have compared with etcd, for the one that counts it, where that is run, too.
if (process.argv.some((argument) => argument.endsWith('coverage')))
  process.env['PHOTON_COMPARED_COMMANDS'] ??= join(tmpdir(), `photon-compared-${process.pid}`);

const counting = 'test/interop/etcdctl-coverage.test.ts';
const interop = { testTimeout: 300_000, hookTimeout: 120_000 };

export default defineConfig({
  test: {
    // Two cores: more workers than that only make time-outs likelier.
    maxWorkers: 2,
    sequence: { sequencer: SlowestFirst },
    projects: [
      {
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/interop/**', 'test/bench/**'],
          setupFiles: ['test/property-seed.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
      {
        test: { ...interop, name: 'interop', include: ['test/interop/**/*.test.ts'], exclude: [counting] },
      },
      {
        // Behind all others: it says what they have left out.
        test: { ...interop, name: 'coverage', include: [counting], sequence: { groupOrder: 1 } },
      },
    ],
  },
});
