import { MemorySegments } from '../../core/storage/memory-segments.ts';
import { UnreadableError } from '../../core/storage/read-errors.ts';
import { type SegmentFile, type SegmentRepair } from '../../core/storage/segment-files.ts';
import { overwriteSector, type SectorDamage, sectorBytes } from './damage.ts';

/** The content of a disk at one moment, for trying out what a recovery would make of it. */
export class PlatterCopy implements SegmentRepair {
  readonly #files = new MemorySegments();
  readonly #unreadable = new Map<string, Set<number>>();

  /** Takes a file over, with whatever of this damage is in it. */
  add(file: string, content: Uint8Array, damages: Iterable<SectorDamage>): void {
    const copy = content.slice();
    for (const damage of damages) {
      if (damage.file !== file) continue;
      overwriteSector(copy, damage);
      if (damage.kind === 'unreadable') this.#bad(file).add(damage.sector);
    }
    this.#files.append(file, copy);
  }

  append(file: string, bytes: Uint8Array): void {
    this.#files.append(file, bytes);
  }

  list(prefix: string): readonly SegmentFile[] {
    return this.#files.list(prefix);
  }

  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array {
    const bytes = this.#files.read(file, positionBytes, lengthBytes);
    assertReadable(this.#unreadable.get(file), file, positionBytes, bytes.length);
    return bytes;
  }

  truncate(file: string, lengthBytes: number): void {
    this.#files.truncate(file, lengthBytes);
  }

  remove(file: string): void {
    this.#files.remove(file);
    this.#unreadable.delete(file);
  }

  #bad(file: string): Set<number> {
    let sectors = this.#unreadable.get(file);
    if (sectors === undefined) {
      sectors = new Set();
      this.#unreadable.set(file, sectors);
    }
    return sectors;
  }
}

/** @throws UnreadableError when one of these sectors lies in the part that is read */
export function assertReadable(
  unreadable: ReadonlySet<number> | undefined,
  file: string,
  positionBytes: number,
  lengthBytes: number,
): void {
  if (unreadable === undefined || unreadable.size === 0 || lengthBytes <= 0) return;
  const from = Math.floor(positionBytes / sectorBytes);
  const to = Math.floor((positionBytes + lengthBytes - 1) / sectorBytes);
  for (const sector of unreadable) {
    if (sector < from || sector > to) continue;
    throw new UnreadableError(`EIO: i/o error, read ${file}, sector ${sector}`);
  }
}
