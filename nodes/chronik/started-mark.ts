import { closeSync, existsSync, fsyncSync, openSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Says that something of this broker was durable once: from then on a metadata log that is not there is a lost one, with
 * votes that must not be given twice.
 */
export class StartedMark {
  readonly #dir: string;
  readonly #file: string;
  #isSet: boolean;

  constructor(dir: string) {
    this.#dir = dir;
    this.#file = join(dir, 'started');
    this.#isSet = existsSync(this.#file);
  }

  get isSet(): boolean {
    return this.#isSet;
  }

  /** Durable on return. */
  set(): void {
    if (this.#isSet) return;
    this.#isSet = true;
    for (const path of [this.#file, this.#dir]) {
      const descriptor = openSync(path, path === this.#file ? 'w' : 'r');
      try {
        fsyncSync(descriptor);
      } finally {
        closeSync(descriptor);
      }
    }
  }
}
