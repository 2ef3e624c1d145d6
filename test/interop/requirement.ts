import { spawnSync } from 'node:child_process';
import { describe } from 'vitest';

/** Programs of others that a suite talks to, and the Debian packages that hold them. */
const packages = {
  etcdctl: 'etcd-client',
  etcd: 'etcd-server',
  chromium: 'chromium',
  curl: 'curl',
  openssl: 'openssl',
} as const;
export type Program = keyof typeof packages;

const required = process.env['CI'] === 'true' || process.env['PHOTON_REQUIRE_SERVICES'] === '1';

/**
 * A suite that needs programs. Where one is missing the suite is skipped and its name says why; where they are required
 * (CI=true or PHOTON_REQUIRE_SERVICES=1) that is an error, so that nobody takes a skipped suite for a passed one.
 */
export function describeWith(programs: readonly Program[], name: string, suite: () => void): void {
  const missing = programs.filter(
    (program) => spawnSync(program, ['--version'], { stdio: 'ignore' }).error !== undefined,
  );
  if (missing.length === 0) {
    describe(name, suite);
    return;
  }
  const reason = `needs ${missing.map((program) => `${program} (Debian package ${packages[program]})`).join(' and ')}`;
  if (required) throw new Error(`${name}: ${reason}, and services are required here`);
  describe.skip(`${name} [skipped: ${reason}]`, suite);
}
