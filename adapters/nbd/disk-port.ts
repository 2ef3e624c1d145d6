import { constants } from 'node:fs';
import { link, mkdir, open, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { unreachable } from '../../core/base/assert.ts';
import {
  type DiskHolder,
  exportName,
  parseExportName,
  type StorageAct,
  type StorageReport,
} from '../../core/plasma/storage/exports-protocol.ts';
import { type NbdExport } from '../../core/wire/nbd/protocol.ts';
import { DiskFile, DiskFileError } from './disk-file.ts';
import { type DiskCounters, newDiskCounters, ServedDisk } from './served-disk.ts';

export interface DiskPortOptions {
  /** Holds a file for each disk and nothing else; made when it is not there. */
  readonly directory: string;
  /** Where clients find an export of this name. */
  readonly uriOf: (name: string) => string;
  readonly reported: (report: StorageReport) => void;
}

/** Connections to a disk, as far as the port ends them. */
export interface DiskConnections {
  /** Ends those of a holder, undefined: of all; resolves when nothing that they asked is under way. */
  end(disk: string, holder: DiskHolder | undefined): Promise<void>;
}

type Failed = Extract<StorageReport, { readonly kind: 'failed' }>;

/**
 * The disks of a storage node, one raw file each: what the machine decides is carried out here. The directory is this
 * process's alone, which the lock of the data directory sees to: what an earlier process had given to the system has ended
 * when its lock is free.
 */
export class DiskPort {
  readonly counters: DiskCounters = newDiskCounters();
  readonly #options: DiskPortOptions;
  readonly #served = new Map<string, ServedDisk>();
  readonly #sizes = new Map<string, number>();
  #connections: DiskConnections | undefined;

  static async start(options: DiskPortOptions): Promise<DiskPort> {
    await mkdir(options.directory, { recursive: true, mode: 0o750 });
    return new DiskPort(options);
  }

  private constructor(options: DiskPortOptions) {
    this.#options = options;
  }

  /** The server in front. */
  set connections(connections: DiskConnections) {
    this.#connections = connections;
  }

  /** What a name is good for now, for clients that connect. */
  find(name: string): NbdExport | undefined {
    const parsed = parseExportName(name);
    if (parsed === undefined) return undefined;
    const sizeBytes = this.#sizes.get(parsed.disk);
    const isOpen = this.#served.get(parsed.disk)?.isOpen(parsed.holder) === true;
    return isOpen && sizeBytes !== undefined ? { name, sizeBytes } : undefined;
  }

  names(): readonly string[] {
    return [...this.#served.values()].flatMap((disk) => disk.openExports);
  }

  disk(name: string): ServedDisk | undefined {
    return this.#served.get(name);
  }

  /** Carries out an act; its report comes later. */
  act(act: StorageAct): void {
    this.#carryOut(act).then(this.#options.reported, (error: unknown) => {
      this.#options.reported(failureOf(act, error));
    });
  }

  /** Closes every file, once what is under way has ended. Connections are ended before. */
  async close(): Promise<void> {
    await Promise.all([...this.#served.values()].map((disk) => disk.end()));
    this.#served.clear();
  }

  async #carryOut(act: StorageAct): Promise<StorageReport> {
    const { actId } = act;
    switch (act.kind) {
      case 'create':
        await this.#create(act.disk, act.sizeBytes);
        return { kind: 'done', actId };
      case 'activate':
        await this.#servedOf(act.disk).activate(act.writer);
        return { kind: 'done', actId };
      case 'open': {
        const served = this.#servedOf(act.disk);
        if (served.file === undefined) {
          served.serve(await DiskFile.open(this.#pathOf(act.disk), act.sizeBytes));
          this.#sizes.set(act.disk, act.sizeBytes);
        }
        served.open(act.holder);
        return { kind: 'opened', actId, uri: this.#options.uriOf(exportName(act.disk, act.holder)) };
      }
      case 'close':
        await this.#close(act.disk, act.holder, act.connections);
        return { kind: 'done', actId };
      case 'delete':
        await this.#delete(act.disk);
        return { kind: 'done', actId };
      default:
        return unreachable(act);
    }
  }

  async #create(disk: string, sizeBytes: number): Promise<void> {
    const path = this.#pathOf(disk);
    const draft = join(this.#options.directory, `.new-${fileNameOf(disk)}`);
    await unlinkIfThere(draft);
    const file = await open(draft, constants.O_RDWR | constants.O_CREAT | constants.O_EXCL, 0o640);
    try {
      await file.truncate(sizeBytes);
      await file.sync();
    } finally {
      await file.close();
    }
    try {
      // Unlike a renaming it takes nothing away from whatever may be there.
      await link(draft, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      const { size, blocks } = await stat(path);
      if (size !== sizeBytes || blocks > 0) {
        throw new DiskFileError(
          'EEXIST',
          `${path} is there, and is not known to be empty: it is left as it is`,
        );
      }
    } finally {
      await unlinkIfThere(draft);
    }
    await this.#syncDirectory();
  }

  async #close(disk: string, holder: DiskHolder, connections: 'end' | 'refuse'): Promise<void> {
    const served = this.#servedOf(disk);
    served.close(holder);
    if (connections === 'end') await this.#connections?.end(disk, holder);
    if (served.openExports.length > 0 || served.writer !== undefined) return;
    // Nobody may do anything any more: the file is opened again when somebody may.
    await served.end();
    this.#served.delete(disk);
    this.#sizes.delete(disk);
  }

  async #delete(disk: string): Promise<void> {
    const served = this.#served.get(disk);
    if (served !== undefined) {
      await this.#connections?.end(disk, undefined);
      await served.end();
    }
    this.#served.delete(disk);
    this.#sizes.delete(disk);
    await unlinkIfThere(this.#pathOf(disk));
    await this.#syncDirectory();
  }

  #servedOf(disk: string): ServedDisk {
    const served = this.#served.get(disk) ?? new ServedDisk(disk, this.counters);
    this.#served.set(disk, served);
    return served;
  }

  #pathOf(disk: string): string {
    return join(this.#options.directory, fileNameOf(disk));
  }

  async #syncDirectory(): Promise<void> {
    const directory = await open(this.#options.directory, constants.O_RDONLY);
    try {
      await directory.sync();
    } finally {
      await directory.close();
    }
  }
}

/** No name of a disk has a `+`, so no two have one file. */
function fileNameOf(disk: string): string {
  return `${disk.replace('/', '+')}.raw`;
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function failureOf(act: StorageAct, error: unknown): Failed {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return {
    kind: 'failed',
    actId: act.actId,
    code:
      code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG'
        ? 'NO_SPACE'
        : code === 'EEXIST'
          ? 'IN_USE'
          : code === 'ENOENT'
            ? 'NOT_FOUND'
            : 'UNAVAILABLE',
    message: `${act.kind} ${act.disk}: ${String(message)}`,
  };
}
