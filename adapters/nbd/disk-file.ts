import { close, constants, fdatasync, fstat, open, read, type Stats, write } from 'node:fs';

/** What a disk's file could not do, with the system's own code. */
export class DiskFileError extends Error {
  override readonly name = 'DiskFileError';
  readonly code: string;

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Bytes by position. Each rejects with a `DiskFileError`. */
export interface RawDisk {
  read(positionBytes: number, lengthBytes: number): Promise<Uint8Array>;
  /** Given to the system in this very turn. */
  write(positionBytes: number, bytes: Uint8Array): Promise<void>;
  /** What was written before is on the disk afterwards. */
  sync(): Promise<void>;
  close(): Promise<void>;
}

/** One raw file of fixed size. */
export class DiskFile implements RawDisk {
  readonly path: string;
  readonly #descriptor: number;

  /** @throws DiskFileError when it is not there, no plain file, or of another size */
  static async open(path: string, sizeBytes: number): Promise<DiskFile> {
    // A link could lead anywhere.
    const flags = constants.O_RDWR | constants.O_NOFOLLOW;
    const descriptor = await call<number>(path, (done) => {
      open(path, flags, done);
    });
    const file = new DiskFile(path, descriptor);
    try {
      const stats = await call<Stats>(path, (done) => {
        fstat(descriptor, done);
      });
      if (!stats.isFile()) throw new DiskFileError('EINVAL', `${path} is no plain file`);
      if (stats.size !== sizeBytes) {
        throw new DiskFileError('EINVAL', `${path} has ${stats.size} bytes, the disk has ${sizeBytes}`);
      }
    } catch (error) {
      await file.close();
      throw error;
    }
    return file;
  }

  private constructor(path: string, descriptor: number) {
    this.path = path;
    this.#descriptor = descriptor;
  }

  async read(positionBytes: number, lengthBytes: number): Promise<Uint8Array> {
    const into = Buffer.allocUnsafe(lengthBytes);
    let done = 0;
    while (done < lengthBytes) {
      const count = await call<number>(this.path, (end) => {
        read(this.#descriptor, into, done, lengthBytes - done, positionBytes + done, end);
      });
      if (count === 0) throw new DiskFileError('EIO', `${this.path} ends before its size`);
      done += count;
    }
    return into;
  }

  async write(positionBytes: number, bytes: Uint8Array): Promise<void> {
    let done = 0;
    while (done < bytes.length) {
      const count = await call<number>(this.path, (end) => {
        write(this.#descriptor, bytes, done, bytes.length - done, positionBytes + done, end);
      });
      if (count === 0) throw new DiskFileError('EIO', `${this.path} takes nothing`);
      done += count;
    }
  }

  async sync(): Promise<void> {
    await call<undefined>(this.path, (done) => {
      fdatasync(this.#descriptor, (error) => {
        done(error, undefined);
      });
    });
  }

  async close(): Promise<void> {
    await call<undefined>(this.path, (done) => {
      close(this.#descriptor, (error) => {
        done(error ?? null, undefined);
      });
    });
  }
}

function call<T>(
  path: string,
  begin: (done: (error: NodeJS.ErrnoException | null, value: T) => void) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    begin((error, value) => {
      if (error === null) resolve(value);
      else reject(new DiskFileError(error.code ?? 'EIO', `${path}: ${error.message}`, { cause: error }));
    });
  });
}
