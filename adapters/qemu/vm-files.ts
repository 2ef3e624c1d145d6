import { existsSync } from 'node:fs';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

import { type VmSpec } from '../../core/plasma/types.ts';
import { prepareOverlay } from './disk-images.ts';
import { parseExportUri } from './export-uri.ts';
import { type DiskPreparation } from './instance-acts.ts';
import { type NodeImage } from './node-images.ts';
import { disksMax, nicsMax } from './qemu-arguments.ts';
import { seedImage } from './seed-image.ts';
import { type VmDirectory } from './vm-directory.ts';

const memoryBytesMin = 1_048_576;
const cpusMax = 255;

/** What this hypervisor cannot run, or what would mean something else on its command line. */
export function refuseBadSpec(spec: VmSpec, exports: Readonly<Record<string, string>>): void {
  const { cpus, memoryBytes, disks, nics } = spec;
  if (!Number.isSafeInteger(cpus) || cpus < 1 || cpus > cpusMax)
    throw new Error(`it has 1 to ${cpusMax} processors, not ${cpus}`);
  if (!Number.isSafeInteger(memoryBytes) || memoryBytes < memoryBytesMin)
    throw new Error(`it has at least ${memoryBytesMin} bytes of memory, not ${memoryBytes}`);
  if (disks.length > disksMax) throw new Error(`it has at most ${disksMax} disks, not ${disks.length}`);
  if (nics.length > nicsMax)
    throw new Error(`it has at most ${nicsMax} network interfaces, not ${nics.length}`);
  for (const { name, tap } of nics) {
    // QEMU, where it may, makes one that leads nowhere.
    if (tap !== undefined && !existsSync(join('/sys/class/net', tap)))
      throw new Error(`there is no network interface ${tap} on this node, which ${name} is to be on`);
  }
  for (const { name, kind } of disks) {
    if (!/^[a-z0-9-]{1,32}$/.test(name))
      throw new Error(`a disk's name matches [a-z0-9-]{1,32}, not ${name}`);
    if (kind !== 'shared') continue;
    const uri = exports[name];
    if (uri === undefined) throw new Error(`nobody serves the shared disk ${name}`);
    parseExportUri(uri);
  }
}

export function isPrepared(directory: VmDirectory, { disks, cloudInit }: VmSpec): boolean {
  const local = disks.filter(({ kind }) => kind === 'local');
  return (
    directory.exists &&
    local.every(({ name }) => existsSync(directory.overlay(name))) &&
    (cloudInit === undefined || existsSync(directory.seed))
  );
}

/** By digest. */
export async function imagesOf(
  { image }: DiskPreparation,
  { disks }: VmSpec,
): Promise<ReadonlyMap<string, NodeImage>> {
  const images = new Map<string, NodeImage>();
  for (const { image: digest } of disks)
    if (digest !== undefined && !images.has(digest)) images.set(digest, await image(digest));
  return images;
}

/** Again is harmless: what is there stays, and grows where its description has grown. What fails leaves nothing new behind. */
export async function prepareFiles(
  preparation: DiskPreparation,
  directory: VmDirectory,
  spec: VmSpec,
  refuseAlive: () => void,
): Promise<void> {
  const images = await imagesOf(preparation, spec);
  refuseAlive();
  const isNew = !directory.exists;
  await mkdir(directory.path, { recursive: true, mode: 0o700 });
  try {
    await prepareDisks(preparation, directory, spec, images);
    if (spec.cloudInit === undefined) return;
    await writeFile(`${directory.seed}.new`, seedImage(spec.cloudInit), { mode: 0o600, flush: true });
    await rename(`${directory.seed}.new`, directory.seed);
  } catch (cause) {
    if (isNew) await rm(directory.path, { recursive: true, force: true });
    throw cause;
  }
}

async function prepareDisks(
  { imageProgram }: DiskPreparation,
  directory: VmDirectory,
  { disks }: VmSpec,
  images: ReadonlyMap<string, NodeImage>,
): Promise<void> {
  for (const disk of disks) {
    if (disk.kind === 'shared') continue;
    const image = disk.image === undefined ? undefined : images.get(disk.image);
    await prepareOverlay(imageProgram, directory.overlay(disk.name), disk, image);
  }
}
