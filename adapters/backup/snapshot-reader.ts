import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';

import { type StoreRow } from '../../core/storage/backend.ts';
import { FrameReader, type WireFrame } from '../../core/wire/framing.ts';
import { WireError } from '../../core/wire/reader.ts';
import { End, Rows } from '../peer/protocol.ts';
import {
  blockBytes,
  digestBytes,
  frameBytesMax,
  SnapshotFileError,
  snapshotFormatVersion,
  SnapshotFileHeader,
  snapshotFrames,
  snapshotMagic,
} from './format.ts';

const readBytes = 262_144;

/** Rows of one table, as they lie in one frame. */
export interface TableRows {
  readonly table: string;
  readonly rows: readonly StoreRow[];
}

export interface SnapshotContent {
  readonly header: SnapshotFileHeader;
  readonly sizeBytes: number;
  /** The sha-256 at the file's end, in hex. */
  readonly digest: string;
}

/**
 * A snapshot file whose checksum was found to be right. The rows are checked once more as they are read: that each frame is
 * whole, the order of keys, and that none is missing.
 */
export class SnapshotFile implements SnapshotContent {
  readonly path: string;
  readonly header: SnapshotFileHeader;
  readonly sizeBytes: number;
  readonly digest: string;

  private constructor(path: string, content: SnapshotContent) {
    this.path = path;
    this.header = content.header;
    this.sizeBytes = content.sizeBytes;
    this.digest = content.digest;
  }

  /**
   * Reads all of it once.
   *
   * @param system whose snapshot it has to be
   * @throws SnapshotFileError for a file that is no whole snapshot; an error of the system where it cannot be read
   */
  static async open(path: string, system: string): Promise<SnapshotFile> {
    const { size: sizeBytes } = await stat(path);
    await checkBegin(path, sizeBytes);
    const digest = await checkDigest(path, sizeBytes);
    for await (const { kind, payload } of framesOf(path, sizeBytes)) {
      if (kind !== snapshotFrames.header) break;
      const header = SnapshotFileHeader.decode(payload);
      checkHeader(path, header, system);
      return new SnapshotFile(path, { header, sizeBytes, digest });
    }
    throw new SnapshotFileError(`${path} does not begin with the header of a snapshot`);
  }

  /** @throws SnapshotFileError */
  async *rows(): AsyncGenerator<TableRows, void, undefined> {
    let count = 0;
    let tableAt = 0;
    let lastKey: string | undefined;
    for await (const { kind, payload } of framesOf(this.path, this.sizeBytes)) {
      if (kind === snapshotFrames.rows) {
        const { table, rows } = Rows.decode(payload);
        const at = this.header.tables.indexOf(table, tableAt);
        if (at < 0) throw this.#broken(`table ${JSON.stringify(table)} where it does not belong`);
        if (at !== tableAt) lastKey = undefined;
        tableAt = at;
        for (const { key } of rows) {
          if (lastKey !== undefined && key <= lastKey) throw this.#broken(`keys of ${table} out of order`);
          lastKey = key;
        }
        count += rows.length;
        yield { table, rows: rows.map(({ key, value }) => [key, value]) };
      } else if (kind === snapshotFrames.end) {
        const expected = End.decode(payload).rows;
        if (expected !== count) throw this.#broken(`${count} rows of ${expected}`);
        return;
      }
    }
    throw this.#broken('no end');
  }

  #broken(what: string): SnapshotFileError {
    return new SnapshotFileError(`${this.path} is not a well-formed snapshot: it has ${what}`);
  }
}

/**
 * Follows the bytes of a snapshot as they come and says at the end whether they are whole: for who saves one, before it is
 * given its name.
 */
export class SnapshotCheck {
  readonly #hash = createHash('sha256');
  #begin: Uint8Array = new Uint8Array(0);
  /** The last bytes: what may be the digest is not hashed. */
  #tail: Uint8Array = new Uint8Array(0);
  #sizeBytes = 0;

  push(bytes: Uint8Array): void {
    this.#sizeBytes += bytes.length;
    const missing = snapshotMagic.length - this.#begin.length;
    if (missing > 0) this.#begin = Buffer.concat([this.#begin, bytes.subarray(0, missing)]);
    const joined = Buffer.concat([this.#tail, bytes]);
    const body = Math.max(0, joined.length - digestBytes);
    this.#hash.update(joined.subarray(0, body));
    this.#tail = joined.subarray(body);
  }

  /** @throws SnapshotFileError */
  finish(name: string): { readonly sizeBytes: number; readonly digest: string } {
    if (Buffer.compare(this.#begin, snapshotMagic) !== 0) throw foreign(name);
    if (this.#sizeBytes % blockBytes !== digestBytes) throw incomplete(name, this.#sizeBytes);
    const digest = this.#hash.digest('hex');
    const found = Buffer.from(this.#tail).toString('hex');
    if (found !== digest) throw damaged(name);
    return { sizeBytes: this.#sizeBytes, digest };
  }
}

async function checkBegin(path: string, sizeBytes: number): Promise<void> {
  let begin: Buffer = Buffer.alloc(0);
  if (sizeBytes > 0) {
    for await (const piece of createReadStream(path, { end: snapshotMagic.length - 1 }))
      begin = piece as Buffer;
  }
  if (Buffer.compare(begin, snapshotMagic) !== 0) throw foreign(path);
  if (sizeBytes % blockBytes !== digestBytes) throw incomplete(path, sizeBytes);
}

/** @returns the digest */
async function checkDigest(path: string, sizeBytes: number): Promise<string> {
  const check = new SnapshotCheck();
  for await (const piece of createReadStream(path, { end: sizeBytes - 1, highWaterMark: readBytes })) {
    check.push(piece as Buffer);
  }
  return check.finish(path).digest;
}

/** Everything between the magic and the digest. */
async function* framesOf(path: string, sizeBytes: number): AsyncGenerator<WireFrame, void, undefined> {
  const reader = new FrameReader(frameBytesMax);
  const body = { start: snapshotMagic.length, end: sizeBytes - digestBytes - 1 };
  try {
    for await (const piece of createReadStream(path, { ...body, highWaterMark: readBytes })) {
      reader.push(new Uint8Array(piece as Buffer));
      for (let next = reader.next(); next !== undefined; next = reader.next()) yield next;
    }
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    throw new SnapshotFileError(`${path} is not a well-formed snapshot: ${error.message}`, { cause: error });
  }
}

function checkHeader(path: string, header: SnapshotFileHeader, system: string): void {
  if (header.system !== system) {
    throw new SnapshotFileError(`${path} is a snapshot of ${header.system}, not of ${system}`);
  }
  if (header.formatVersion > snapshotFormatVersion) {
    throw new SnapshotFileError(
      `${path} has format ${header.formatVersion}, this version reads formats up to ${snapshotFormatVersion}; use a newer photon`,
    );
  }
}

function foreign(name: string): SnapshotFileError {
  return new SnapshotFileError(
    `${name} is not a snapshot of Chainfire: it does not begin as one (those of etcd itself are of another format)`,
  );
}

function incomplete(name: string, sizeBytes: number): SnapshotFileError {
  return new SnapshotFileError(
    `${name} is not whole: its ${sizeBytes} bytes are not a multiple of ${blockBytes} and ${digestBytes} more, as a snapshot's are`,
  );
}

function damaged(name: string): SnapshotFileError {
  return new SnapshotFileError(
    `${name} is damaged: its content does not have the sha-256 that it ends with; take another copy`,
  );
}
