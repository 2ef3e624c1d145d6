/**
 * Three of our members against three of Debian's etcd, one system after the other on the same disk in one run.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { measureChecked } from './chainfire/measure.ts';
import { operations } from './chainfire/requests.ts';
import { etcd, photon, RunningSystem } from './chainfire/systems.ts';

const seconds = Number(process.argv[2] ?? 2);
const kinds =
  process.argv[3] === undefined
    ? [photon, etcd]
    : [photon, etcd].filter(({ name }) => name === process.argv[3]);
for (const kind of kinds) {
  const dir = mkdtempSync(join(tmpdir(), 'photon-bench-'));
  try {
    const system = await RunningSystem.start(kind, dir);
    for (const operation of [operations.put, operations.get]) {
      for (const clients of [1, 16, 64, 256]) {
        const found = await measureChecked(system, operation, clients, { seconds, dir });
        console.log(
          kind.name,
          operation.name,
          clients,
          found.callsPerSecond.toFixed(0),
          `p50 ${found.p50Us} p99 ${found.p99Us} cpu ${found.leaderCpuUs.toFixed(0)} all ${found.allCpuUs.toFixed(0)}`,
        );
      }
    }
    await system.stopMembers();
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}
