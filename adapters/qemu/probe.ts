import { spawn } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { bootSector } from './guest/boot-sector.ts';
import { type Accelerator } from './qemu-options.ts';

const accelerators: readonly Accelerator[] = ['kvm', 'tcg'];
const speaksWithinMs = 3_000;
/** The firmware boots from none that is much smaller. */
const diskBytes = 1_048_576;

/**
 * Accelerators that have run a guest just now, the fastest first. That `/dev/kvm` is there says nothing: a tiny guest is booted
 * under each and has three seconds to say a word.
 */
export async function probeAccelerators(program = 'qemu-system-x86_64'): Promise<readonly Accelerator[]> {
  const directory = await mkdtemp(join(tmpdir(), 'photon-probe-'));
  try {
    const disk = Buffer.alloc(diskBytes);
    disk.set(bootSector);
    const path = join(directory, 'disk.raw');
    await writeFile(path, disk);
    const seen: Accelerator[] = [];
    for (const accelerator of accelerators)
      if (await runsGuest(program, accelerator, path)) seen.push(accelerator);
    return seen;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function runsGuest(program: string, accelerator: Accelerator, disk: string): Promise<boolean> {
  const drive = { driver: 'raw', 'node-name': 'disk0', file: { driver: 'file', filename: disk } };
  const child = spawn(
    program,
    [
      ...[
        '-nodefaults',
        '-no-user-config',
        '-display',
        'none',
        '-machine',
        `pc,accel=${accelerator}`,
        '-m',
        '8',
      ],
      ...['-blockdev', JSON.stringify(drive), '-device', 'virtio-blk-pci,drive=disk0', '-serial', 'stdio'],
    ],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  return new Promise((resolve) => {
    let spoke = false;
    const timer = setTimeout(() => child.kill('SIGKILL'), speaksWithinMs);
    child.stdout.once('data', () => {
      spoke = true;
      child.kill('SIGKILL');
    });
    child.once('error', () => {
      clearTimeout(timer);
      resolve(false);
    });
    child.once('close', () => {
      clearTimeout(timer);
      resolve(spoke);
    });
  });
}
