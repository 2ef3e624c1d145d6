import { spawnSync } from 'node:child_process';

/** A program of QEMU's that a node needs, by name or path. */
export interface QemuPrograms {
  readonly qemu: string;
  readonly qemuImg: string;
}

export const defaultQemuPrograms: QemuPrograms = { qemu: 'qemu-system-x86_64', qemuImg: 'qemu-img' };

const debianPackages: Readonly<Record<keyof QemuPrograms, string>> = {
  qemu: 'qemu-system-x86',
  qemuImg: 'qemu-utils',
};

/** Those that cannot be run here, for people to read, each with the package of Debian that holds it; undefined: all can be. */
export function missingPrograms(programs: QemuPrograms): string | undefined {
  const missing = (['qemu', 'qemuImg'] as const)
    .filter((role) => spawnSync(programs[role], ['--version'], { stdio: 'ignore' }).status !== 0)
    .map((role) => `${programs[role]} (Debian package ${debianPackages[role]})`);
  return missing.length === 0 ? undefined : missing.join(' and ');
}
