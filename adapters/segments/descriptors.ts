import { assert } from '../../core/base/assert.ts';
import { type FileLayer } from './file-layer.ts';

interface OpenFile {
  readonly descriptor: number;
  /** Syncs in flight. A pinned descriptor stays open: the system would hand its number to another file. */
  pins: number;
}

/** Open files by path: the ones used last stay open, up to a bound that only pinned ones exceed. */
export class Descriptors {
  readonly #layer: FileLayer;
  readonly #openMax: number;
  /** In the order of their last use. */
  readonly #open = new Map<string, OpenFile>();
  /** Forgotten while pinned. */
  readonly #leaving = new Map<number, OpenFile>();

  constructor(layer: FileLayer, openMax: number) {
    this.#layer = layer;
    this.#openMax = openMax;
  }

  get(path: string, create: boolean): number {
    let file = this.#open.get(path);
    if (file === undefined) {
      this.#makeRoom();
      file = { descriptor: this.#layer.open(path, create), pins: 0 };
    } else {
      this.#open.delete(path);
    }
    this.#open.set(path, file);
    return file.descriptor;
  }

  /** Like `get`, and keeps it open until `unpin`. */
  pin(path: string): number {
    const descriptor = this.get(path, false);
    const file = this.#open.get(path);
    if (file !== undefined) file.pins += 1;
    return descriptor;
  }

  unpin(path: string, descriptor: number): void {
    const leaving = this.#leaving.get(descriptor);
    const file = leaving ?? this.#open.get(path);
    assert(file !== undefined && file.pins > 0, 'only what is pinned is unpinned');
    file.pins -= 1;
    if (leaving === undefined || leaving.pins > 0) return;
    this.#leaving.delete(descriptor);
    this.#layer.close(descriptor);
  }

  /** The file goes away: its descriptor closes, at once or when nothing pins it any more. */
  forget(path: string): void {
    const file = this.#open.get(path);
    if (file === undefined) return;
    this.#open.delete(path);
    if (file.pins === 0) this.#layer.close(file.descriptor);
    else this.#leaving.set(file.descriptor, file);
  }

  closeAll(): void {
    for (const path of [...this.#open.keys()]) this.forget(path);
  }

  #makeRoom(): void {
    for (const [path, file] of this.#open) {
      if (this.#open.size < this.#openMax) return;
      if (file.pins === 0) this.forget(path);
    }
  }
}
