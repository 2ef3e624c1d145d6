import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe } from 'vitest';

/** Programs of others that a suite talks to, and the Debian packages that hold them. */
const packages = {
  etcdctl: 'etcd-client',
  etcd: 'etcd-server',
  chromium: 'chromium',
  curl: 'curl',
  openssl: 'openssl',
  patroni: 'patroni',
  postgres: 'postgresql',
  kcat: 'kcat',
  kafkaPython: 'python3-kafka',
  confluentKafka: 'python3-confluent-kafka',
  'qemu-system-x86_64': 'qemu-system-x86',
  'qemu-img': 'qemu-utils',
  'qemu-nbd': 'qemu-utils',
  as: 'binutils',
  isoinfo: 'genisoimage',
  ip: 'iproute2',
  networkNamespaces: 'util-linux, run as root',
  tunDevice: 'coreutils, run as root where there is /dev/net/tun',
} as const;
export type Program = keyof typeof packages;

/** Debian keeps the server's programs where no PATH leads. Undefined: there are none. */
export function postgresBinDir(): string | undefined {
  const root = '/usr/lib/postgresql';
  const versions = existsSync(root) ? readdirSync(root) : [];
  return versions
    .map((version) => join(root, version, 'bin'))
    .filter((dir) => existsSync(join(dir, 'postgres')))
    .at(-1);
}

/** Debian's own interpreter: one that comes first on the PATH may be another, without the packages' modules. */
export const python = '/usr/bin/python3';

/** Something that works when the program is there, and does nothing else. */
function probeOf(program: Program): readonly [program: string, ...args: string[]] {
  switch (program) {
    case 'postgres':
      return [join(postgresBinDir() ?? '', program), '--version'];
    case 'kcat':
      return ['kcat', '-V'];
    case 'kafkaPython':
      return [python, '-c', 'import kafka'];
    case 'confluentKafka':
      return [python, '-c', 'import confluent_kafka'];
    case 'ip':
      return ['ip', '-V'];
    case 'networkNamespaces':
      return ['unshare', '--net', 'true'];
    case 'tunDevice':
      return ['test', '-w', '/dev/net/tun'];
    default:
      return [program, '--version'];
  }
}

function isMissing(program: Program): boolean {
  const [command, ...args] = probeOf(program);
  const { error, status } = spawnSync(command, args, { stdio: 'ignore' });
  // What has no such flag may say so: it is there. A module that cannot be imported is not, nor what is not allowed.
  const mustWork = command === python || program === 'networkNamespaces';
  return error !== undefined || (mustWork && status !== 0);
}

const required = process.env['CI'] === 'true' || process.env['PHOTON_REQUIRE_SERVICES'] === '1';

/**
 * A suite that needs programs. Where one is missing the suite is skipped and its name says why; where they are required
 * (CI=true or PHOTON_REQUIRE_SERVICES=1) that is an error, so that nobody takes a skipped suite for a passed one.
 */
export function describeWith(programs: readonly Program[], name: string, suite: () => void): void {
  const missing = programs.filter(isMissing);
  if (missing.length === 0) {
    describe(name, suite);
    return;
  }
  const reason = `needs ${missing.map((program) => `${program} (Debian package ${packages[program]})`).join(' and ')}`;
  if (required) throw new Error(`${name}: ${reason}, and services are required here`);
  describe.skip(`${name} [skipped: ${reason}]`, suite);
}
