import { assert } from '../../core/base/assert.ts';
import { type Captured } from '../../core/base/capture.ts';
import { crc32c } from '../../core/base/crc32c.ts';
import { WireError } from '../../core/wire/reader.ts';

/**
 * A recording is a directory of segment files, one run of numbers a boot: `000003-000001.rec` is the first segment of the third
 * start. A file is eight bytes that name the format, then blocks: a mark, length and CRC-32C, four bytes each, little-endian, then
 * the payload. The checksum covers the length; the mark lets a reader find out whether anything follows a block that is damaged.
 *
 * The first block is the header, the second the checkpoint that the machine is put up from, both captured values. The others
 * hold records, whole ones; a record is a byte for its kind, then its fields.
 *
 * What a machine is given, and nothing else, is recorded: its events with their times, and what its ports answered while it
 * handled them, in the order in which it asked. Of what it did in return there is a hash.
 */
export const recordingFormat = 1;
const formatName = 'PHOTREC';
export const formatBytes = 8;
export const blockHeadBytes = 12;
export const blockMark: Uint8Array = Uint8Array.of(0xb1, 0x0c, 0xec, 0x0d);
export const segmentSuffix = '.rec';

export const records = {
  /** µs since the event before, then the event. Its reads follow, then `stepped` or `threw`. */
  event: 1,
  /** The step ended. The rolling hash's mark behind its effects, two bytes: which event was the first to differ. */
  stepped: 2,
  /** Steps of this segment so far, and the rolling hash over their times, kinds and effects. */
  checkpoint: 3,
  /** The machine threw, in a step or while it recovered: the message. The boot is over. */
  threw: 4,
  /** The machine has recovered: what follows are events. */
  recovered: 5,
  /** As `checkpoint`, and the last record of its segment: the next one goes on, */
  continued: 6,
  /** the boot was ended in order, */
  ended: 7,
  /** or events were not recorded, since the disk did not take them as fast. */
  gap: 8,

  /** Answers of the store and the log. Those that begin with a byte of the question are marked with (q). */
  absent: 16, // (q)
  value: 17, // (q) the row's value
  row: 18, // (q) key and value of the next row of a range
  rowsEnd: 19, // (q)
  count: 20, // (q)
  written: 21, // the batch's number
  viewOpened: 22, // its number
  files: 23, // how many, then name and length of each
  fileBytes: 24,
  /** The disk could not read what was asked for: the message. */
  unreadable: 25,
  /** A file was cut, or removed. */
  repaired: 26,
} as const;

export type RecordKind = (typeof records)[keyof typeof records];
const recordNames: ReadonlyMap<number, string> = new Map(
  Object.entries(records).map(([name, kind]) => [kind, name]),
);

export function recordName(kind: number): string {
  return recordNames.get(kind) ?? `unknown (${kind})`;
}

/** Which code it was that ran, as far as that can be told. */
export interface Software {
  readonly version: string;
  /** Undefined outside of a checkout. */
  readonly commit: string | undefined;
  /** Hash of the sources that decide what a machine does: what tells whether a recording can be replayed. */
  readonly machine: string;
}

/** Whose recording it is. */
export interface RecordedIdentity {
  readonly system: string;
  readonly cluster: string;
  readonly node: number;
  readonly name: string;
}

export interface SegmentHeader {
  readonly software: Software;
  readonly identity: RecordedIdentity;
  /** Counts the starts that were recorded into this directory, from 1. */
  readonly boot: number;
  readonly bootId: string;
  /** Counts the boot's segments from 1. */
  readonly segment: number;
  /** Wall time at which the segment was begun, for people. */
  readonly begunAt: string;
  readonly config: Captured;
  /** Steps of the boot before this segment, those that were not recorded included. */
  readonly stepsBefore: number;
  /** Steps right before it that were not recorded. */
  readonly stepsMissed: number;
}

/** What a segment's machine is put up from. */
export type Checkpoint =
  | { readonly kind: 'recovery'; readonly seed: string; readonly nowUs: number }
  | ({ readonly kind: 'state'; readonly nowUs: number } & RecordedState);

/** A machine between two steps. */
export interface RecordedState {
  readonly state: Captured;
  /** What of the store a machine is put up over: rows of a few small tables, as table, key and value. */
  readonly base: readonly BaseRow[];
}

export type BaseRow = readonly [table: string, key: string, value: Uint8Array];

export function segmentName(boot: number, segment: number): string {
  return `${String(boot).padStart(6, '0')}-${String(segment).padStart(6, '0')}${segmentSuffix}`;
}

/** Undefined for a file that is no segment. */
export function parseSegmentName(
  name: string,
): { readonly boot: number; readonly segment: number } | undefined {
  const parsed = /^(\d{6,})-(\d{6,})\.rec$/.exec(name);
  return parsed === null ? undefined : { boot: Number(parsed[1]), segment: Number(parsed[2]) };
}

export function formatMark(): Uint8Array {
  return Buffer.from(`${formatName}${recordingFormat}`, 'latin1');
}

/** @throws WireError for what is no recording, or one of another format, which it names */
export function checkFormatMark(bytes: Uint8Array): void {
  const mark = Buffer.from(bytes.subarray(0, formatBytes)).toString('latin1');
  if (!mark.startsWith(formatName)) throw new WireError('this is no recording');
  if (mark !== `${formatName}${recordingFormat}`) {
    throw new WireError(
      `the recording has format ${JSON.stringify(mark.slice(formatName.length))}, this program reads ${recordingFormat}`,
    );
  }
}

/** The block's head, to be written before the payload. */
export function blockHead(payload: Uint8Array): Uint8Array {
  assert(payload.length > 0 && payload.length < 2 ** 31, 'a block has a payload of less than 2 GiB');
  const head = new Uint8Array(blockHeadBytes);
  const view = new DataView(head.buffer);
  head.set(blockMark);
  view.setUint32(4, payload.length, true);
  view.setUint32(8, blockChecksum(head, payload), true);
  return head;
}

export function blockChecksum(head: Uint8Array, payload: Uint8Array): number {
  return crc32c(payload, crc32c(head.subarray(4, 8)));
}

/** A byte of the question that a read answers, so that a machine that asks another one is found at the question. */
export function questionByte(table: number, key: string): number {
  const { length } = key;
  return (table * 31 + length * 7 + (length > 0 ? key.charCodeAt(length - 1) : 0)) & 0xff;
}
