import { closeSync, existsSync, fstatSync, openSync, readFileSync, readSync } from 'node:fs';

import { bootDisk } from './qemu-subject.ts';

/**
 * What the guest of `adapters/qemu/guest` says and keeps. It counts on its disk, and goes on where the disk says that it was:
 * two that run at once would say the same count twice.
 */
export function ticksIn(said: string): readonly number[] {
  return [...said.matchAll(/t ([0-9a-f]{8})\r\n/g)].map(([, digits]) => Number.parseInt(digits ?? '', 16));
}

/** The disk has not taken one of its writes. */
export function hasFailedWrite(said: string): boolean {
  return /e [0-9a-f]{8}\r\n/.test(said);
}

/** All that a virtual machine's process has said on its serial console. The file stays open, and so readable, whoever removes it. */
export class ConsoleFile {
  readonly #descriptor: number;
  /** What it had said when it was closed. */
  #last: string | undefined;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
  }

  get said(): string {
    if (this.#last !== undefined) return this.#last;
    const { size } = fstatSync(this.#descriptor);
    const bytes = Buffer.alloc(size);
    const read = readSync(this.#descriptor, bytes, 0, size, 0);
    return bytes.toString('latin1', 0, read);
  }

  get ticks(): readonly number[] {
    return ticksIn(this.said);
  }

  close(): void {
    this.#last = this.said;
    closeSync(this.#descriptor);
  }
}

/** A disk of a storage node that such a guest is booted from, as it lies in its file. */
export class TickDisk {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  /** Its first content; nobody may have it open. */
  static content(): Buffer {
    return bootDisk();
  }

  get exists(): boolean {
    return existsSync(this.#path);
  }

  /** What the last write that has reached it has counted, and how often it was booted from. */
  get counted(): { readonly ticks: number; readonly boots: number } {
    const sector = readFileSync(this.#path).subarray(512, 524);
    if (sector.toString('latin1', 0, 4) !== 'TICK') return { ticks: 0, boots: 0 };
    return { ticks: sector.readUInt32LE(4), boots: sector.readUInt32LE(8) };
  }
}
