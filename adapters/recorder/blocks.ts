import { WireError } from '../../core/wire/reader.ts';
import { blockChecksum, blockHeadBytes, blockMark, checkFormatMark, formatBytes } from './format.ts';

/** How the blocks of a segment end before its time. */
export interface BlocksEnd {
  /**
   * `torn`: what lies there was never written whole, and nothing follows; so ends every file whose process was killed.
   * `damaged`: what lies there is not what was written, and whole blocks follow it.
   */
  readonly kind: 'torn' | 'damaged';
  readonly atBytes: number;
}

/** The file was begun, and the process ended before it had written what a segment begins with. */
export class TornStart extends WireError {}

/** The blocks of a segment file, each checked before it is given out. */
export class Blocks {
  readonly #bytes: Buffer;
  #at = formatBytes;
  #end: BlocksEnd | undefined;

  /** @throws WireError for what is no recording, or one of another format */
  constructor(bytes: Uint8Array) {
    if (bytes.length < formatBytes) throw new TornStart('the file ends before it says what it is');
    checkFormatMark(bytes);
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** Undefined as long as every block was whole. */
  get end(): BlocksEnd | undefined {
    return this.#end;
  }

  /** One of the blocks that a segment begins with. @throws WireError when it is not there, `TornStart` when nothing follows */
  first(what: string): Uint8Array {
    const payload = this.next();
    if (payload !== undefined) return payload;
    if (this.#end?.kind === 'damaged') throw new WireError(`${what} is damaged`);
    throw new TornStart(`the file ends before ${what} does`);
  }

  /** The next payload, a view; undefined at the end, be it good or bad. */
  next(): Uint8Array | undefined {
    if (this.#end !== undefined || this.#at === this.#bytes.length) return undefined;
    const payload = this.#wholeAt(this.#at);
    if (payload === undefined) {
      this.#end = { kind: this.#isFollowed() ? 'damaged' : 'torn', atBytes: this.#at };
      return undefined;
    }
    this.#at += blockHeadBytes + payload.length;
    return payload;
  }

  /** The payload of a block that begins here; undefined where none does, or it is not what was written. */
  #wholeAt(at: number): Uint8Array | undefined {
    const bytes = this.#bytes;
    const start = at + blockHeadBytes;
    if (start > bytes.length || bytes.compare(blockMark, 0, 4, at, at + 4) !== 0) return undefined;
    const length = bytes.readUInt32LE(at + 4);
    const end = start + length;
    if (length === 0 || end > bytes.length) return undefined;
    const payload = bytes.subarray(start, end);
    if (blockChecksum(bytes.subarray(at, start), payload) !== bytes.readUInt32LE(at + 8)) return undefined;
    return new Uint8Array(payload.buffer, payload.byteOffset, payload.length);
  }

  /** Whether a whole block lies anywhere behind this one. */
  #isFollowed(): boolean {
    const bytes = this.#bytes;
    for (let at = bytes.indexOf(blockMark, this.#at + 1); at >= 0; at = bytes.indexOf(blockMark, at + 1)) {
      if (this.#wholeAt(at) !== undefined) return true;
    }
    return false;
  }
}
