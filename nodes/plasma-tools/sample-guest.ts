import { writeFile } from 'node:fs/promises';

import { bootSector } from '../../adapters/qemu/guest/boot-sector.ts';
import { exitCodes, ExitError } from '../exit.ts';

/** A whole number of blocks of any size that a disk is served in. */
const sampleBytes = 1_048_576;

/**
 * Writes the disk of the guest that the project tests itself with: it boots within a second, needs 8 MiB of memory, and counts
 * on its console. A file that is there is left alone.
 *
 * @throws ExitError
 */
export async function writeSampleGuest(file: string): Promise<void> {
  const disk = Buffer.alloc(sampleBytes);
  disk.set(bootSector);
  try {
    await writeFile(file, disk, { flag: 'wx' });
  } catch (error) {
    const isThere = (error as NodeJS.ErrnoException).code === 'EEXIST';
    const reason = isThere ? `${file} is there already: name another file` : (error as Error).message;
    throw new ExitError(reason, exitCodes.failed, { cause: error });
  }
}
