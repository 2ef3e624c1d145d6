import { BaseSequencer, type TestSpecification } from 'vitest/node';

/**
 * Files that take long, the longest first. Where nothing is known of earlier runs, as in a fresh clone, vitest takes the
 * largest file for the slowest: one that is small and slow would begin when all others are done, and end alone.
 */
const slowest = [
  'test/sim/goldens.test.ts',
  'test/nodes/sim/failures.test.ts',
  'test/nodes/sim/command.test.ts',
  'test/adapters/power-cut/power-cut.test.ts',
  'test/sim/capture-check.test.ts',
  'test/sim/run.test.ts',
  'test/nodes/sim/replay-recording.test.ts',
  'test/nodes/sim/repros.test.ts',
  'test/adapters/lmdb/lmdb-backend.kill.test.ts',
  'test/nodes/sim/pool.test.ts',
  'test/interop/plasma/node-lost.test.ts',
  'test/interop/plasma/cloud.test.ts',
  'test/interop/check-perf.test.ts',
  'test/interop/chaos.test.ts',
  'test/interop/plasma/live-migration.test.ts',
  'test/interop/plasma/node-cut-off.test.ts',
  'test/interop/backup.test.ts',
  'test/interop/kv-sessions.test.ts',
  'test/interop/membership.test.ts',
  'test/interop/process.test.ts',
  'test/interop/patroni.test.ts',
  'test/interop/leases.test.ts',
  'test/interop/up.test.ts',
  'test/interop/etcdctl-auth.test.ts',
  'test/interop/auth.test.ts',
  'test/interop/kv.test.ts',
  'test/interop/etcdctl-maintenance.test.ts',
  'test/interop/recorder.test.ts',
  'test/interop/client-library-failover.test.ts',
];

/** Vitest's own order, but for the files above: those come first within their project. */
export class SlowestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const projects = [...new Set(sorted.map(({ project }) => project.name))];
    const rank = ({ project, moduleId }: TestSpecification): readonly [number, number] => {
      const at = slowest.findIndex((file) => moduleId.endsWith(`/${file}`));
      return [projects.indexOf(project.name), at === -1 ? slowest.length : at];
    };
    return sorted.toSorted((left, right) => {
      const [leftProject, leftAt] = rank(left);
      const [rightProject, rightAt] = rank(right);
      return leftProject - rightProject || leftAt - rightAt;
    });
  }
}
