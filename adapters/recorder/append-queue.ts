import { close, openSync, writeSync, writev } from 'node:fs';

interface OpenFile {
  readonly descriptor: number;
  /** Where the next bytes go. */
  lengthBytes: number;
}

type Job =
  | { readonly kind: 'write'; readonly file: OpenFile; readonly bytes: Uint8Array; readonly at: number }
  | { readonly kind: 'close'; readonly file: OpenFile };

/** Buffers of one write, at most: the system's own limit is 1,024. */
const buffersMax = 512;
/** Less than this waits for more, or for `flush`: every write is a hand-over to another thread, and back. */
const writeBytesMin = 262_144;

/**
 * Appends to one file after another, behind the back of whoever hands the bytes over: one large write at a time, in the thread
 * pool, and no sync. What was written is the system's: it outlives the process, not a power cut.
 *
 * After a failure it does nothing any more but close what is open.
 */
export class AppendQueue {
  readonly #onFailed: (reason: Error) => void;
  #jobs: Job[] = [];
  #file: OpenFile | undefined;
  #pendingBytes = 0;
  #isWriting = false;
  /** Everything that is pending is to be written, however little it is. */
  #flushes = false;
  #failed = false;
  #idle: (() => void)[] = [];

  constructor(onFailed: (reason: Error) => void) {
    this.#onFailed = onFailed;
  }

  /** Handed over and not yet written. */
  get pendingBytes(): number {
    return this.#pendingBytes;
  }

  /** Bytes of the file that is open, those that are pending included. */
  get fileBytes(): number {
    return this.#file?.lengthBytes ?? 0;
  }

  /** What is appended from now on goes to this file, which must not exist. @throws Error when it cannot be made */
  open(path: string): void {
    this.#closeFile();
    this.#file = { descriptor: openSync(path, 'wx', 0o600), lengthBytes: 0 };
  }

  append(bytes: Uint8Array): void {
    const file = this.#file;
    if (file === undefined || this.#failed) return;
    this.#jobs.push({ kind: 'write', file, bytes, at: file.lengthBytes });
    file.lengthBytes += bytes.length;
    this.#pendingBytes += bytes.length;
    if (this.#pendingBytes >= writeBytesMin) this.#start();
  }

  /** Writes what is pending. */
  flush(): void {
    this.#flushes = true;
    this.#start();
  }

  /** Before there is anything else that this could hold up. @throws Error */
  appendNow(bytes: Uint8Array): void {
    const file = this.#file;
    if (file === undefined || this.#failed) return;
    for (let written = 0; written < bytes.length;) {
      written += writeSync(
        file.descriptor,
        bytes,
        written,
        bytes.length - written,
        file.lengthBytes + written,
      );
    }
    file.lengthBytes += bytes.length;
  }

  /** Closes the file, and resolves when nothing is pending any more. Nothing can be appended then. */
  async close(): Promise<void> {
    this.#closeFile();
    this.flush();
    if (this.#jobs.length === 0 && !this.#isWriting) return;
    await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  #closeFile(): void {
    if (this.#file === undefined) return;
    this.#jobs.push({ kind: 'close', file: this.#file });
    this.#file = undefined;
    this.flush();
  }

  #start(): void {
    if (this.#isWriting) return;
    const first = this.#jobs[0];
    if (first === undefined) {
      this.#flushes = false;
      for (const resolve of this.#idle.splice(0)) resolve();
      return;
    }
    this.#isWriting = true;
    if (first.kind === 'close') {
      this.#jobs.shift();
      close(first.file.descriptor, (error) => this.#ended(error, 0));
      return;
    }
    const buffers: Uint8Array[] = [];
    let bytes = 0;
    for (const job of this.#jobs) {
      if (job.kind !== 'write' || job.file !== first.file || buffers.length === buffersMax) break;
      buffers.push(job.bytes);
      bytes += job.bytes.length;
    }
    this.#jobs.splice(0, buffers.length);
    this.#write(first.file.descriptor, buffers, first.at, bytes);
  }

  /** A disk that is nearly full may take a part: the rest then fails, or finds room. */
  #write(descriptor: number, buffers: readonly Uint8Array[], at: number, bytes: number): void {
    writev(descriptor, buffers, at, (error, written) => {
      if (error !== null || written === bytes) return this.#ended(error, bytes);
      if (written === 0) return this.#ended(new Error('the disk took nothing of a write'), bytes);
      this.#pendingBytes -= written;
      this.#write(descriptor, behind(buffers, written), at + written, bytes - written);
    });
  }

  #ended(error: Error | null | undefined, bytes: number): void {
    this.#isWriting = false;
    this.#pendingBytes -= bytes;
    if (error instanceof Error && !this.#failed) this.#fail(error);
    if (this.#flushes || this.#pendingBytes >= writeBytesMin) this.#start();
  }

  #fail(error: Error): void {
    this.#failed = true;
    this.#jobs = this.#jobs.filter(({ kind }) => kind === 'close');
    this.#pendingBytes = 0;
    this.#onFailed(error);
  }
}

function behind(buffers: readonly Uint8Array[], written: number): readonly Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = written;
  for (const buffer of buffers) {
    if (skip < buffer.length) rest.push(buffer.subarray(skip));
    skip = Math.max(0, skip - buffer.length);
  }
  return rest;
}
