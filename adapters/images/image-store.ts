import { createHash, type Hash, randomBytes } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';

import { formatOfTaken, imageHeadBytes, judgeImage } from '../../core/plasma/images/image-header.ts';
import { type ImageFormat, type ImageLimits } from '../../core/plasma/images/image-verdict.ts';
import { type Digest } from '../../core/plasma/types.ts';
import { ImageError } from './image-error.ts';

export interface ImageStoreOptions {
  /** Holds `sha256/` and `partial/`; both are made when they are not there. This process's alone. */
  readonly directory: string;
  readonly limits: ImageLimits;
  /** A file larger than it is refused. */
  readonly fileBytesMax: number;
}

export interface StoredImage {
  readonly digest: Digest;
  readonly format: ImageFormat;
  readonly fileBytes: number;
  readonly virtualBytes: number;
}

export interface ImportOptions {
  /** What its owner says that it is. */
  readonly format: ImageFormat;
  /** What it must be; undefined: whatever it is. */
  readonly digest?: Digest;
  /** Told after each piece. */
  readonly progress?: (importedBytes: number) => void;
}

const digestPattern = /^sha256:([0-9a-f]{64})$/;
const readBytes = 1_048_576;
const fileMode = 0o440;

/**
 * Images by the digest of their bytes: `sha256/{64 hex digits}`. What is there under its name is whole, durable, has this
 * digest, and was judged: no tool has looked at it before. It is never written to again.
 */
export class ImageStore {
  readonly #options: ImageStoreOptions;
  readonly #images: string;
  readonly #partial: string;

  static async open(options: ImageStoreOptions): Promise<ImageStore> {
    const store = new ImageStore(options);
    await mkdir(store.#images, { recursive: true, mode: 0o750 });
    await mkdir(store.#partial, { recursive: true, mode: 0o750 });
    // An import that was cut short begins anew; a fetch goes on from its partial file.
    for (const name of await readdir(store.#partial)) {
      if (name.startsWith(importPrefix)) await unlink(join(store.#partial, name));
    }
    return store;
  }

  private constructor(options: ImageStoreOptions) {
    this.#options = options;
    this.#images = join(options.directory, 'sha256');
    this.#partial = join(options.directory, 'partial');
  }

  /** Where an image lies, whether it is there or not. @throws ImageError when that is no digest */
  pathOf(digest: Digest): string {
    return join(this.#images, hexOf(digest));
  }

  async list(): Promise<readonly Digest[]> {
    const names = await readdir(this.#images);
    return names
      .filter((name) => digestPattern.test(`sha256:${name}`))
      .sort()
      .map((name) => `sha256:${name}`);
  }

  /** Undefined: it is not there. */
  async find(digest: Digest): Promise<StoredImage | undefined> {
    const path = this.pathOf(digest);
    const file = await openIfThere(path);
    if (file === undefined) return undefined;
    try {
      const { head, fileBytes } = await headOf(file);
      return { digest, ...this.#judged(head, fileBytes, formatOfTaken(head)) };
    } finally {
      await file.close();
    }
  }

  /**
   * Takes an image in as it comes, judges it, and makes it durable under its name. One that is there already is the same.
   *
   * @throws ImageError when it is not taken; then nothing is left of it
   */
  async import(pieces: AsyncIterable<Uint8Array>, options: ImportOptions): Promise<StoredImage> {
    const { format, progress } = options;
    const path = join(this.#partial, `${importPrefix}${randomBytes(8).toString('hex')}`);
    const file = await open(path, 'wx+', fileMode | 0o200);
    try {
      const hash = createHash('sha256');
      let fileBytes = 0;
      for await (const piece of pieces) {
        if (fileBytes + piece.length > this.#options.fileBytesMax) throw this.#tooLarge();
        hash.update(piece);
        await writeAll(file, piece, fileBytes);
        fileBytes += piece.length;
        progress?.(fileBytes);
      }
      const { head } = await headOf(file);
      const facts = this.#judged(head, fileBytes, format);
      const digest = digestOf(hash);
      if (options.digest !== undefined && options.digest !== digest)
        throw new ImageError('WRONG_DIGEST', `its digest is ${digest}, not ${options.digest}`);
      await this.#settle(file, path, digest);
      return { digest, ...facts };
    } finally {
      await file.close();
      await unlinkIfThere(path);
    }
  }

  /** A piece of an image for somebody who fetches it. @throws ImageError when it is not there */
  async chunk(
    digest: Digest,
    fromByte: number,
    bytesMax: number,
  ): Promise<{ readonly bytes: Uint8Array; readonly totalBytes: number }> {
    const file = await openIfThere(this.pathOf(digest));
    if (file === undefined) throw new ImageError('NOT_FOUND', `there is no image ${digest}`);
    try {
      const { size } = await file.stat();
      const lengthBytes = Math.max(0, Math.min(bytesMax, readBytes, size - fromByte));
      return { bytes: await readAll(file, fromByte, lengthBytes), totalBytes: size };
    } finally {
      await file.close();
    }
  }

  /** What has been fetched of it. */
  async partialBytes(digest: Digest): Promise<number> {
    try {
      return (await stat(this.#partialOf(digest))).size;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 0;
      throw error;
    }
  }

  /** @param fromByte how long the partial file is */
  async appendPartial(digest: Digest, fromByte: number, bytes: Uint8Array): Promise<void> {
    if (fromByte + bytes.length > this.#options.fileBytesMax) throw this.#tooLarge();
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_NOFOLLOW;
    const file = await open(this.#partialOf(digest), flags, fileMode | 0o200);
    try {
      const { size } = await file.stat();
      if (size !== fromByte) throw new ImageError('OUT_OF_PLACE', `${size} bytes are there, not ${fromByte}`);
      await writeAll(file, bytes, fromByte);
    } finally {
      await file.close();
    }
  }

  /**
   * Makes what was fetched an image, when it is the right one.
   *
   * @throws ImageError WRONG_DIGEST or REFUSED; the partial file is left as it is
   */
  async finish(digest: Digest): Promise<StoredImage> {
    const path = this.#partialOf(digest);
    const file = await openIfThere(path, constants.O_RDWR);
    if (file === undefined) throw new ImageError('NOT_FOUND', `nothing was fetched of ${digest}`);
    try {
      const { head, fileBytes } = await headOf(file);
      const hash = createHash('sha256');
      for (let at = 0; at < fileBytes; at += readBytes) {
        hash.update(await readAll(file, at, Math.min(readBytes, fileBytes - at)));
      }
      const found = digestOf(hash);
      if (found !== digest) throw new ImageError('WRONG_DIGEST', `its digest is ${found}, not ${digest}`);
      const facts = this.#judged(head, fileBytes, formatOfTaken(head));
      await this.#settle(file, path, digest);
      return { digest, ...facts };
    } finally {
      await file.close();
    }
  }

  async discardPartial(digest: Digest): Promise<void> {
    await unlinkIfThere(this.#partialOf(digest));
  }

  /** Whoever has it open may go on reading. Again is harmless. */
  async remove(digest: Digest): Promise<void> {
    await unlinkIfThere(this.pathOf(digest));
    await syncDirectory(this.#images);
  }

  #partialOf(digest: Digest): string {
    return join(this.#partial, hexOf(digest));
  }

  #judged(
    head: Uint8Array,
    fileBytes: number,
    format: ImageFormat,
  ): Pick<StoredImage, 'format' | 'fileBytes' | 'virtualBytes'> {
    const verdict = judgeImage({ head, fileBytes, format }, this.#options.limits);
    if (verdict.kind === 'refused') throw new ImageError('REFUSED', verdict.reason);
    return { format, fileBytes, virtualBytes: verdict.virtualBytes };
  }

  /** The bytes first, then the name: whoever finds the name finds all of them, after any crash. */
  async #settle(file: FileHandle, path: string, digest: Digest): Promise<void> {
    await file.chmod(fileMode);
    await file.sync();
    await rename(path, this.pathOf(digest));
    await syncDirectory(this.#images);
  }

  #tooLarge(): ImageError {
    return new ImageError(
      'REFUSED',
      `it is larger than ${this.#options.fileBytesMax} bytes, which are the most`,
    );
  }
}

const importPrefix = 'import-';

function hexOf(digest: Digest): string {
  const [, hex] = digestPattern.exec(digest) ?? [];
  if (hex === undefined) {
    throw new ImageError(
      'INVALID',
      `${JSON.stringify(digest.slice(0, 200))} is no digest: sha256: and 64 hex digits`,
    );
  }
  return hex;
}

function digestOf(hash: Hash): Digest {
  return `sha256:${hash.digest('hex')}`;
}

async function headOf(file: FileHandle): Promise<{ readonly head: Uint8Array; readonly fileBytes: number }> {
  const { size } = await file.stat();
  return { head: await readAll(file, 0, Math.min(size, imageHeadBytes)), fileBytes: size };
}

async function readAll(file: FileHandle, fromByte: number, lengthBytes: number): Promise<Uint8Array> {
  const into = Buffer.allocUnsafe(lengthBytes);
  let done = 0;
  while (done < lengthBytes) {
    const { bytesRead } = await file.read(into, done, lengthBytes - done, fromByte + done);
    if (bytesRead === 0) throw new ImageError('UNREADABLE', 'the file has become shorter');
    done += bytesRead;
  }
  return into;
}

async function writeAll(file: FileHandle, bytes: Uint8Array, atByte: number): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, atByte + done);
    done += bytesWritten;
  }
}

async function openIfThere(path: string, access = constants.O_RDONLY): Promise<FileHandle | undefined> {
  try {
    return await open(path, access | constants.O_NOFOLLOW);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

async function unlinkIfThere(path: string): Promise<void> {
  try {
    await unlink(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, constants.O_RDONLY);
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
