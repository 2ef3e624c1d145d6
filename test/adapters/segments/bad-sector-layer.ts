import { NodeFileLayer } from '../../../adapters/segments/node-file-layer.ts';

const sectorBytes = 512;

/**
 * The real files on a disk that has lost some sectors. As Linux does, a read gives what lies before a bad sector, and the
 * next one, which begins there, fails.
 */
export class BadSectorLayer extends NodeFileLayer {
  readonly #bad = new Map<string, Set<number>>();
  readonly #paths = new Map<number, string>();

  makeBad(path: string, sector: number): void {
    const sectors = this.#bad.get(path) ?? new Set();
    this.#bad.set(path, sectors.add(sector));
  }

  override open(path: string, create: boolean): number {
    const descriptor = super.open(path, create);
    this.#paths.set(descriptor, path);
    return descriptor;
  }

  override unlink(path: string): void {
    super.unlink(path);
    this.#bad.delete(path);
  }

  override read(descriptor: number, into: Uint8Array, positionBytes: number): number {
    const sectors = this.#bad.get(this.#paths.get(descriptor) ?? '') ?? new Set<number>();
    const endBytes = positionBytes + into.length;
    let readableBytes = endBytes;
    for (const sector of sectors) {
      if ((sector + 1) * sectorBytes <= positionBytes || sector * sectorBytes >= endBytes) continue;
      readableBytes = Math.min(readableBytes, Math.max(positionBytes, sector * sectorBytes));
    }
    super.read(descriptor, into.subarray(0, readableBytes - positionBytes), positionBytes);
    if (readableBytes === endBytes) return into.length;
    throw Object.assign(new Error('EIO: i/o error, read'), { code: 'EIO' });
  }
}
