import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';

import { type DiskSpec } from '../../core/plasma/types.ts';
import { type NodeImage } from './node-images.ts';

const run = promisify(execFile);
/** What a change of a disk's description may take. */
const withinMs = 60_000;

/**
 * Makes a local disk's overlay, or makes it larger where its description has grown. There is it whole or not at all. Formats are
 * always said: what a guest writes at the beginning of its disk could say that it is something else, with files of the
 * node's behind it.
 */
export async function prepareOverlay(
  program: string,
  path: string,
  disk: DiskSpec,
  image: NodeImage | undefined,
): Promise<void> {
  if (existsSync(path)) {
    if ((await virtualBytes(program, path, 'qcow2')) < disk.sizeBytes)
      await qemuImg(program, ['resize', '-f', 'qcow2', path, `${disk.sizeBytes}`]);
    return;
  }
  if (image !== undefined) {
    const bytes = await virtualBytes(program, image.path, image.format);
    if (bytes > disk.sizeBytes)
      throw new Error(
        `disk ${disk.name} has ${disk.sizeBytes} bytes, its image ${disk.image ?? ''} has ${bytes}`,
      );
  }
  const backing = image === undefined ? [] : ['-b', image.path, '-F', image.format];
  const unfinished = `${path}.new`;
  await rm(unfinished, { force: true });
  await qemuImg(program, ['create', '-q', '-f', 'qcow2', ...backing, unfinished, `${disk.sizeBytes}`]);
  await rename(unfinished, path);
}

async function virtualBytes(program: string, path: string, format: string): Promise<number> {
  const text = await qemuImg(program, ['info', '-U', '-f', format, '--output=json', path]);
  return (JSON.parse(text) as { 'virtual-size': number })['virtual-size'];
}

async function qemuImg(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, { timeout: withinMs })).stdout;
  } catch (cause) {
    const { stderr } = cause as { stderr?: string };
    throw new Error(`${program} ${args[0] ?? ''}: ${stderr?.trim() || String(cause)}`, { cause });
  }
}
