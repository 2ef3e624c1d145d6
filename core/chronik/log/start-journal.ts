import { assert } from '../../base/assert.ts';
import { type SegmentAppend } from '../../base/effects.ts';
import { decodeFrameHeader, encodeFrame, frameHeaderBytes, intactPayload } from '../../storage/frame.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type Offset } from '../types.ts';
import { journalFile } from './file-names.ts';

/** Entries of a file; the next one opens another, and the one before goes. */
const entriesMax = 64;

/**
 * Writes down where the log begins, whenever that changes. Files are removed only when their entry is durable, so that a log
 * whose first segment lies behind the start that was written down has lost what lies between.
 */
export class StartJournal {
  readonly #directory: string;
  #number = 0;
  #entries = 0;
  #lengthBytes = 0;

  constructor(directory: string) {
    this.#directory = directory;
  }

  /** Undefined: nothing was ever written, or the log began anew. */
  get file(): string | undefined {
    return this.#number === 0 ? undefined : journalFile(this.#directory, this.#number);
  }

  /**
   * The start that was written last, in these files, in the order of their numbers.
   *
   * @returns `tornFrom`: where the last file has no entry any more
   */
  recover(files: readonly { readonly number: number; readonly bytes: Uint8Array }[]): {
    readonly startOffset: Offset | undefined;
    readonly tornFrom: number;
  } {
    let startOffset: Offset | undefined;
    for (const { number, bytes } of files) {
      this.#number = number;
      this.#entries = 0;
      this.#lengthBytes = 0;
      for (;;) {
        const header = decodeFrameHeader(bytes, this.#lengthBytes);
        const belongs =
          header?.fileNumber === number &&
          header.positionBytes === this.#lengthBytes &&
          header.batchSeq === this.#entries + 1;
        const payload = belongs ? intactPayload(bytes, this.#lengthBytes, header) : undefined;
        if (payload === undefined) break;
        startOffset = new WireReader(payload).varint();
        this.#entries += 1;
        this.#lengthBytes += frameHeaderBytes + payload.length;
      }
    }
    return { startOffset, tornFrom: this.#lengthBytes };
  }

  /** @returns what to append, and the file that is not needed any more once that is durable */
  write(startOffset: Offset): { readonly append: SegmentAppend; readonly removed: readonly string[] } {
    const before = this.file;
    const opens = before === undefined || this.#entries >= entriesMax;
    if (opens) {
      this.#number += 1;
      this.#entries = 0;
      this.#lengthBytes = 0;
    }
    const writer = new WireWriter();
    writer.varint(startOffset);
    this.#entries += 1;
    const bytes = encodeFrame(
      {
        batchSeq: this.#entries,
        syncedBatchSeq: 0,
        boot: 0,
        fileNumber: this.#number,
        positionBytes: this.#lengthBytes,
      },
      writer.finish(),
    );
    this.#lengthBytes += bytes.length;
    const { file } = this;
    assert(file !== undefined, 'a journal that is written has a file');
    return { append: { file, bytes }, removed: opens && before !== undefined ? [before] : [] };
  }

  /** The next entry opens a file of its own: the one that there was is cut away. */
  startAnew(): void {
    this.#entries = entriesMax;
  }
}
