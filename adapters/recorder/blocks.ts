import { WireError } from '../../core/wire/reader.ts';
import { blockChecksum, blockHeadBytes, checkFormatMark, formatBytes } from './format.ts';

/** How the blocks of a segment end before its time. */
export interface BlocksEnd {
  /**
   * `torn`: the file ends inside of a block, or in one that was never written whole; so ends every file whose process was
   * killed. `damaged`: what lies there is not what was written, and something follows it.
   */
  readonly kind: 'torn' | 'damaged';
  readonly atBytes: number;
}

/** The blocks of a segment file, each checked before it is given out. */
export class Blocks {
  readonly #bytes: Uint8Array;
  #at = formatBytes;
  #end: BlocksEnd | undefined;

  /** @throws WireError for what is no recording, or one of another format */
  constructor(bytes: Uint8Array) {
    if (bytes.length < formatBytes) throw new WireError('the file ends before it says what it is');
    checkFormatMark(bytes);
    this.#bytes = bytes;
  }

  /** Undefined as long as every block was whole. */
  get end(): BlocksEnd | undefined {
    return this.#end;
  }

  /** The next payload, a view; undefined at the end, be it good or bad. */
  next(): Uint8Array | undefined {
    const bytes = this.#bytes;
    const at = this.#at;
    if (this.#end !== undefined || at === bytes.length) return undefined;
    const start = at + blockHeadBytes;
    if (start > bytes.length) return this.#stop('torn');
    const head = new DataView(bytes.buffer, bytes.byteOffset + at, blockHeadBytes);
    const length = head.getUint32(0, true);
    const end = start + length;
    // A length that reaches past the end is a torn block's, or a damaged one: what lies behind it nobody can tell.
    if (end > bytes.length) return this.#stop('torn');
    const payload = bytes.subarray(start, end);
    if (length === 0 || blockChecksum(bytes.subarray(at, start), payload) !== head.getUint32(4, true)) {
      return this.#stop(end === bytes.length || isZero(bytes.subarray(at)) ? 'torn' : 'damaged');
    }
    this.#at = end;
    return payload;
  }

  #stop(kind: BlocksEnd['kind']): undefined {
    this.#end = { kind, atBytes: this.#at };
  }
}

/** A power cut leaves lengths of files that their bytes have not followed. */
function isZero(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0);
}
