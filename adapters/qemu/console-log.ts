import { copyFile, stat, truncate } from 'node:fs/promises';

/**
 * Keeps a file bounded that QEMU appends to: past the bound what it holds becomes `….1`, in place of the one before, and it
 * begins anew. What is written in that very moment can be lost.
 */
export async function boundLog(path: string, bytesMax: number): Promise<void> {
  try {
    const { size } = await stat(path);
    if (size <= bytesMax) return;
    await copyFile(path, `${path}.1`);
    await truncate(path, 0);
  } catch (cause) {
    // Removed meanwhile, with its virtual machine.
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause;
  }
}
