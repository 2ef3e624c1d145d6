import { type PartitionKey, type Offset } from '../types.ts';

/**
 * The files of a partition's log, below `partitions/{topic}-{partition}.{created}/`:
 *
 * - `segment_{base offset}.wal`: record batches; `segment_{base offset}.{generation}.wal` once compacted.
 * - `index_{base offset}[.{generation}].wal`: checkpoints of that segment.
 * - `state_{number}.wal`: the log start offset.
 */
export interface SegmentName {
  readonly baseOffset: Offset;
  /** How often what it holds was compacted. */
  readonly generation: number;
}

const offsetDigits = 20;
const numberDigits = 10;
/** The partition's number and its topic's creation make a directory unique; the topic is there for people. */
const topicCharsMax = 200;

const directoryPattern = /^partitions\/(.+)-(0|[1-9][0-9]*)\.(0|[1-9][0-9]*)\//;
const segmentPattern = /^(segment|index)_([0-9]{20})(?:\.([1-9][0-9]*))?\.wal$/;
const journalPattern = /^state_([0-9]{10})\.wal$/;

/** Unlike a topic's name, it always fits into the 255 characters that a file system takes. */
export function partitionDirectory(topic: string, { created, partition }: PartitionKey): string {
  return `partitions/${topic.slice(0, topicCharsMax)}-${partition}.${created}`;
}

/** The partition that this file belongs to; undefined: none. */
export function partitionOfFile(file: string): { directory: string; key: PartitionKey } | undefined {
  const found = directoryPattern.exec(file);
  if (found === null) return undefined;
  const key = { partition: Number(found[2]), created: Number(found[3]) };
  if (!Number.isSafeInteger(key.partition) || !Number.isSafeInteger(key.created)) return undefined;
  return { directory: found[0].slice(0, -1), key };
}

export function segmentFile(directory: string, name: SegmentName): string {
  return `${directory}/segment_${suffix(name)}`;
}

export function indexFile(directory: string, name: SegmentName): string {
  return `${directory}/index_${suffix(name)}`;
}

export function journalFile(directory: string, number: number): string {
  return `${directory}/state_${String(number).padStart(numberDigits, '0')}.wal`;
}

export type LogFileName =
  | ({ readonly kind: 'segment' | 'index' } & SegmentName)
  | { readonly kind: 'journal'; readonly number: number };

/** What a file of the directory is; undefined: nothing of a log's. */
export function parseLogFile(directory: string, file: string): LogFileName | undefined {
  const name = file.slice(directory.length + 1);
  const journal = journalPattern.exec(name);
  if (journal !== null) return { kind: 'journal', number: Number(journal[1]) };
  const found = segmentPattern.exec(name);
  if (found === null) return undefined;
  const baseOffset = Number(found[2]);
  const generation = Number(found[3] ?? 0);
  if (!Number.isSafeInteger(baseOffset) || !Number.isSafeInteger(generation)) return undefined;
  return { kind: found[1] === 'segment' ? 'segment' : 'index', baseOffset, generation };
}

function suffix({ baseOffset, generation }: SegmentName): string {
  const digits = String(baseOffset).padStart(offsetDigits, '0');
  return generation === 0 ? `${digits}.wal` : `${digits}.${generation}.wal`;
}
