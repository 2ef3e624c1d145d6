import { assert } from '../../core/base/assert.ts';
import { type DiskHolder, exportName, sameHolder } from '../../core/plasma/storage/exports-protocol.ts';
import { type NbdError, type NbdRequest } from '../../core/wire/nbd/protocol.ts';
import { DiskFileError, type RawDisk } from './disk-file.ts';

/** What has come of a request. */
export type DiskAnswer =
  | { readonly kind: 'done'; readonly bytes?: Uint8Array }
  | { readonly kind: 'failed'; readonly error: NbdError };

export interface DiskCounters {
  reads: number;
  readBytes: number;
  writes: number;
  writtenBytes: number;
  flushes: number;
  trims: number;
  zeroings: number;
  /** Of writes, trims and zeroings whose sender was not the writer. */
  fenced: number;
  failures: number;
}

export function newDiskCounters(): DiskCounters {
  return {
    reads: 0,
    readBytes: 0,
    writes: 0,
    writtenBytes: 0,
    flushes: 0,
    trims: 0,
    zeroings: 0,
    fenced: 0,
    failures: 0,
  };
}

/** A long zeroing is done in parts, and looks each time whether it still may. */
const zeroes = Buffer.alloc(1_048_576);
const done: DiskAnswer = { kind: 'done' };

/**
 * A disk as it is served: who may connect, who may write, and what is under way.
 *
 * Whether a sender is the writer is looked at in the same turn in which its write is given to the system; from then on it
 * counts as under way until the system has ended it. So when an activation is confirmed, all that an older writer was let
 * do has happened, and nothing of it happens later.
 */
export class ServedDisk {
  readonly name: string;
  readonly #counters: DiskCounters;
  #file: RawDisk | undefined;
  #writer: DiskHolder | undefined;
  readonly #open = new Set<string>();
  /** Holders whose writes the system is about, by the name of their export. */
  readonly #underWay = new Map<string, number>();
  #waiting: { readonly writer: DiskHolder | undefined; readonly confirm: () => void }[] = [];
  /** A sync has failed: what was written since the one before may be lost, and a later sync would not say so. */
  #syncFailed = false;

  constructor(name: string, counters: DiskCounters) {
    this.name = name;
    this.#counters = counters;
  }

  get file(): RawDisk | undefined {
    return this.#file;
  }

  get writer(): DiskHolder | undefined {
    return this.#writer;
  }

  get openExports(): readonly string[] {
    return [...this.#open];
  }

  isOpen(holder: DiskHolder): boolean {
    return this.#open.has(exportName(this.name, holder));
  }

  serve(file: RawDisk): void {
    assert(this.#file === undefined, 'a disk has one file');
    this.#file = file;
  }

  open(holder: DiskHolder): void {
    assert(this.#file !== undefined, 'a disk whose file is open is served');
    this.#open.add(exportName(this.name, holder));
  }

  close(holder: DiskHolder): void {
    this.#open.delete(exportName(this.name, holder));
  }

  /** From this turn on only `writer` writes; resolves when nothing of anybody else is under way. */
  activate(writer: DiskHolder | undefined): Promise<void> {
    this.#writer = writer;
    return new Promise((resolve) => {
      this.#waiting.push({ writer, confirm: resolve });
      this.#settle();
    });
  }

  /** Never rejects. */
  async carryOut(holder: DiskHolder, request: NbdRequest): Promise<DiskAnswer> {
    try {
      switch (request.kind) {
        case 'read':
          return await this.#read(holder, request.positionBytes, request.lengthBytes);
        case 'write':
          return await this.#write(holder, request.positionBytes, request.bytes, request.durable);
        case 'writeZeroes':
          return await this.#writeZeroes(holder, request);
        case 'trim':
          return await this.#trim(holder, request.durable);
        case 'flush':
          return await this.#flush();
      }
    } catch (error) {
      this.#counters.failures += 1;
      const noSpace = error instanceof DiskFileError && (error.code === 'ENOSPC' || error.code === 'EDQUOT');
      return failed(noSpace ? 'ENOSPC' : 'EIO');
    }
  }

  /** Once nothing is under way: the file is closed. */
  async end(): Promise<void> {
    this.#open.clear();
    await this.activate(undefined);
    const file = this.#file;
    this.#file = undefined;
    await file?.close();
  }

  async #read(holder: DiskHolder, positionBytes: number, lengthBytes: number): Promise<DiskAnswer> {
    // What was fenced off may belong to somebody else by now.
    if (!this.isOpen(holder) || this.#file === undefined) return failed('ESHUTDOWN');
    const bytes = await this.#file.read(positionBytes, lengthBytes);
    this.#counters.reads += 1;
    this.#counters.readBytes += lengthBytes;
    return { kind: 'done', bytes };
  }

  async #write(
    holder: DiskHolder,
    positionBytes: number,
    bytes: Uint8Array,
    durable: boolean,
  ): Promise<DiskAnswer> {
    const refusal = this.#refuses(holder);
    if (refusal !== undefined) return refusal;
    await this.#asUnderWay(holder, (file) => file.write(positionBytes, bytes));
    this.#counters.writes += 1;
    this.#counters.writtenBytes += bytes.length;
    return durable ? this.#flush() : done;
  }

  async #writeZeroes(
    holder: DiskHolder,
    request: Extract<NbdRequest, { readonly kind: 'trim' | 'writeZeroes' }>,
  ): Promise<DiskAnswer> {
    const { positionBytes, lengthBytes, noHole, durable } = request;
    for (let at = 0; at < lengthBytes; at += zeroes.length) {
      const part = zeroes.subarray(0, Math.min(zeroes.length, lengthBytes - at));
      const refusal = this.#refuses(holder);
      if (refusal !== undefined) return refusal;
      await this.#asUnderWay(holder, async (file) => {
        // Where zeros are already, often in a file's holes, none are written: the holes stay.
        const there = noHole ? undefined : await file.read(positionBytes + at, part.length);
        if (there === undefined || !part.equals(there)) await file.write(positionBytes + at, part);
      });
    }
    if (lengthBytes === 0) {
      const refusal = this.#refuses(holder);
      if (refusal !== undefined) return refusal;
    }
    this.#counters.zeroings += 1;
    return durable ? this.#flush() : done;
  }

  /** A trim allows what was there to be forgotten; it is kept, since Node has no call that would give room back. */
  async #trim(holder: DiskHolder, durable: boolean): Promise<DiskAnswer> {
    const refusal = this.#refuses(holder);
    if (refusal !== undefined) return refusal;
    this.#counters.trims += 1;
    return durable ? this.#flush() : done;
  }

  /** Under any token: it says of what was answered before that it is on the disk, and changes nothing. */
  async #flush(): Promise<DiskAnswer> {
    if (this.#file === undefined) return failed('ESHUTDOWN');
    if (this.#syncFailed) return failed('EIO');
    try {
      await this.#file.sync();
    } catch (error) {
      this.#syncFailed = true;
      throw error;
    }
    this.#counters.flushes += 1;
    return done;
  }

  #refuses(holder: DiskHolder): DiskAnswer | undefined {
    if (!sameHolder(this.#writer, holder) || !this.isOpen(holder) || this.#file === undefined) {
      this.#counters.fenced += 1;
      // One that is open waits to be activated; others were fenced off, and will never write again.
      return failed(this.isOpen(holder) ? 'EPERM' : 'ESHUTDOWN');
    }
    return this.#syncFailed ? failed('EIO') : undefined;
  }

  async #asUnderWay(holder: DiskHolder, work: (file: RawDisk) => Promise<void>): Promise<void> {
    assert(this.#file !== undefined, 'a writer writes to a file that is open');
    const key = exportName(this.name, holder);
    this.#underWay.set(key, (this.#underWay.get(key) ?? 0) + 1);
    try {
      await work(this.#file);
    } finally {
      const left = (this.#underWay.get(key) ?? 0) - 1;
      if (left > 0) this.#underWay.set(key, left);
      else this.#underWay.delete(key);
      this.#settle();
    }
  }

  #settle(): void {
    const waiting = this.#waiting;
    this.#waiting = waiting.filter(({ writer }) => this.#othersAreUnderWay(writer));
    for (const each of waiting) if (!this.#waiting.includes(each)) each.confirm();
  }

  #othersAreUnderWay(writer: DiskHolder | undefined): boolean {
    const own = writer === undefined ? undefined : exportName(this.name, writer);
    for (const key of this.#underWay.keys()) if (key !== own) return true;
    return false;
  }
}

function failed(error: NbdError): DiskAnswer {
  return { kind: 'failed', error };
}
