import { closeSync, openSync, readFileSync, readSync } from 'node:fs';

import { type Captured } from '../../core/base/capture.ts';
import { readCaptured } from '../../core/wire/captured-codec.ts';
import { wireDepthMax, WireReader } from '../../core/wire/reader.ts';
import { Blocks, type BlocksEnd } from './blocks.ts';
import { blockHeadBytes, type Checkpoint, formatBytes, type SegmentHeader } from './format.ts';

/** A request may nest as deep as the wire allows, and is a part of a record here. */
const depthMax = wireDepthMax + 2;
/** Configuration and names: far less. */
const headerBytesMax = 1_048_576;

/** A segment as it is read again: what it begins with, and its records, one after the other. */
export class Segment {
  readonly path: string;
  readonly header: SegmentHeader;
  readonly checkpoint: Checkpoint;
  readonly #blocks: Blocks;
  #reader: WireReader = new WireReader(new Uint8Array(0));
  #kind: number | undefined;

  /** @throws WireError when the file does not begin as a segment does */
  static open(path: string): Segment {
    return new Segment(path, new Blocks(readFileSync(path)));
  }

  private constructor(path: string, blocks: Blocks) {
    this.path = path;
    this.#blocks = blocks;
    this.header = headerOf(blocks);
    const checkpoint = blocks.first('the checkpoint that it begins with');
    this.checkpoint = readCaptured(new WireReader(checkpoint)) as unknown as Checkpoint;
  }

  /** Set once the records have come to an end before their time. */
  get end(): BlocksEnd | undefined {
    return this.#blocks.end;
  }

  /** The kind of the next record, which is not taken yet; undefined where there is none. */
  peek(): number | undefined {
    while (this.#kind === undefined) {
      if (this.#reader.done) {
        const block = this.#blocks.next();
        if (block === undefined) return undefined;
        this.#reader = new WireReader(block, 0, block.length, depthMax);
      }
      this.#kind = this.#reader.byte();
    }
    return this.#kind;
  }

  /** Takes the next record's kind. @returns what its fields are to be read from */
  take(): WireReader {
    this.#kind = undefined;
    return this.#reader;
  }
}

/** Of a segment, without what follows it. @throws WireError when the file does not begin as a segment does */
export function readHeader(path: string): SegmentHeader {
  const descriptor = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(formatBytes + blockHeadBytes + headerBytesMax);
    const length = readSync(descriptor, buffer, 0, buffer.length, 0);
    return headerOf(new Blocks(buffer.subarray(0, length)));
  } finally {
    closeSync(descriptor);
  }
}

function headerOf(blocks: Blocks): SegmentHeader {
  const header: Captured = readCaptured(new WireReader(blocks.first('its header')));
  return header as unknown as SegmentHeader;
}
