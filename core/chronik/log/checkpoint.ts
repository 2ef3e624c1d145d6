import { decodeFrameHeader, encodeFrame, frameHeaderBytes, intactPayload } from '../../storage/frame.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { type Offset } from '../types.ts';
import { type ProducedBatch, type ProducerEntry, type Producers } from './producers.ts';
import { type CheckpointLocation, type LogSegment, type SegmentImage } from './segment.ts';
import { type EndedTransaction } from './transactions.ts';

/**
 * What a log knew when a segment had come to some length: its index, and the producers of the whole log. It is written only when
 * the segment is durable up to there, so that an intact one also proves that it was, and lies in the segment's index file,
 * one behind another: each holds what was new of the segment since the one before, and all of the producers.
 */
export interface Checkpoint extends SegmentImage {
  /** New since the checkpoint before. */
  readonly aborted: readonly EndedTransaction[];
  readonly producers: ProducersImage;
}

export interface ProducersImage {
  readonly hasForgotten: boolean;
  readonly entries: readonly ProducerEntry[];
  readonly open: readonly (readonly [producerId: number, firstOffset: Offset])[];
  readonly unsettled: readonly EndedTransaction[];
}

const formatVersion = 1;
const sealedFlag = 1;
const forgottenFlag = 2;
const two32 = 4_294_967_296;

/** The producers as they are now. */
export function imageOf(producers: Producers): ProducersImage {
  const { transactions } = producers;
  return {
    hasForgotten: producers.hasForgotten,
    entries: producers.sorted(),
    open: [...transactions.open],
    unsettled: transactions.unsettled,
  };
}

/**
 * The segment as it is now, to be written once it is durable up to its end.
 *
 * @param given.aborted of the whole log; those of the segment are picked out
 * @param given.before the checkpoint of the segment that will lie in front of it
 */
export function encodeCheckpoint(
  segment: LogSegment,
  given: {
    readonly producers: ProducersImage;
    readonly aborted: readonly EndedTransaction[];
    readonly sealed: boolean;
    readonly before: { readonly endOffset: Offset; readonly segmentBytes: number } | undefined;
  },
): Uint8Array {
  const { producers, aborted, sealed, before } = given;
  const fromOffset = before?.endOffset ?? segment.baseOffset;
  const fromBytes = before?.segmentBytes ?? 0;
  const writer = new WireWriter();
  writer.byte(formatVersion);
  writer.byte((sealed ? sealedFlag : 0) | (producers.hasForgotten ? forgottenFlag : 0));
  writer.varint(segment.endOffset);
  writer.varint(segment.lengthBytes);
  writer.int64(segment.maxTimestampMs);
  writer.int64(segment.maxTimestampOffset);
  writer.int64(segment.firstTimestampMs);
  writeList(
    writer,
    segment.epochs.filter(({ startOffset }) => startOffset >= fromOffset),
    ({ epoch, startOffset }) => {
      writer.int64(epoch);
      writer.varint(startOffset);
    },
  );
  writeList(
    writer,
    segment.index.entries.filter(({ positionBytes }) => positionBytes >= fromBytes),
    (entry) => {
      writer.varint(entry.offset);
      writer.varint(entry.positionBytes);
      writer.int64(entry.maxTimestampMs);
      writer.int64(entry.maxTimestampOffset);
    },
  );
  writeEnded(
    writer,
    aborted.filter(({ markerOffset }) => markerOffset >= fromOffset && markerOffset < segment.endOffset),
  );
  writeProducers(writer, producers);
  return writer.finish();
}

/** @param number of the checkpoint in its file, from 1 */
export function frameCheckpoint(
  segment: LogSegment,
  given: { readonly number: number; readonly positionBytes: number },
  payload: Uint8Array,
): Uint8Array {
  return encodeFrame(
    {
      batchSeq: given.number,
      syncedBatchSeq: 0,
      boot: segment.baseOffset % two32,
      fileNumber: segment.name.generation,
      positionBytes: given.positionBytes,
    },
    payload,
  );
}

/** The intact checkpoints of an index file: those in front of the first that is not. */
export function readCheckpoints(
  segment: LogSegment,
  bytes: Uint8Array,
): readonly { readonly checkpoint: Checkpoint; readonly location: CheckpointLocation }[] {
  const found: { checkpoint: Checkpoint; location: CheckpointLocation }[] = [];
  let positionBytes = 0;
  for (;;) {
    const header = decodeFrameHeader(bytes, positionBytes);
    if (header === undefined || header.positionBytes !== positionBytes) return found;
    const belongs =
      header.batchSeq === found.length + 1 &&
      header.boot === segment.baseOffset % two32 &&
      header.fileNumber === segment.name.generation;
    const payload = belongs ? intactPayload(bytes, positionBytes, header) : undefined;
    if (payload === undefined || payload[0] !== formatVersion) return found;
    const checkpoint = decodeCheckpoint(payload);
    const { endOffset, segmentBytes, sealed } = checkpoint;
    const lengthBytes = frameHeaderBytes + payload.length;
    found.push({ checkpoint, location: { endOffset, segmentBytes, sealed, positionBytes, lengthBytes } });
    positionBytes += lengthBytes;
  }
}

/** The checkpoint that was framed at the beginning of these bytes. */
export function checkpointIn(bytes: Uint8Array): Checkpoint | undefined {
  const header = decodeFrameHeader(bytes, 0);
  const payload = header === undefined ? undefined : intactPayload(bytes, 0, header);
  return payload === undefined || payload[0] !== formatVersion ? undefined : decodeCheckpoint(payload);
}

function decodeCheckpoint(payload: Uint8Array): Checkpoint {
  const reader = new WireReader(payload, 1);
  const flags = reader.byte();
  return {
    sealed: (flags & sealedFlag) !== 0,
    endOffset: reader.varint(),
    segmentBytes: reader.varint(),
    maxTimestampMs: reader.int64(),
    maxTimestampOffset: reader.int64(),
    firstTimestampMs: reader.int64(),
    epochs: readList(reader, () => ({ epoch: reader.int64(), startOffset: reader.varint() })),
    index: readList(reader, () => ({
      offset: reader.varint(),
      positionBytes: reader.varint(),
      maxTimestampMs: reader.int64(),
      maxTimestampOffset: reader.int64(),
    })),
    aborted: readEnded(reader),
    producers: readProducers(reader, (flags & forgottenFlag) !== 0),
  };
}

function writeProducers(writer: WireWriter, producers: ProducersImage): void {
  writeList(writer, producers.entries, (entry) => {
    writer.varint(entry.producerId);
    writer.int64(entry.producerEpoch);
    writer.int64(entry.lastTimestampMs);
    writer.int64(entry.coordinatorEpoch);
    writeList(writer, entry.batches, (batch) => {
      writer.varint(batch.firstSequence);
      writer.varint(batch.lastSequence);
      writer.varint(batch.firstOffset);
      writer.varint(batch.lastOffset);
      writer.int64(batch.logAppendTimeMs);
    });
  });
  writeList(writer, producers.open, ([producerId, firstOffset]) => {
    writer.varint(producerId);
    writer.varint(firstOffset);
  });
  writeEnded(writer, producers.unsettled);
}

function readProducers(reader: WireReader, hasForgotten: boolean): ProducersImage {
  return {
    hasForgotten,
    entries: readList(reader, () => ({
      producerId: reader.varint(),
      producerEpoch: reader.int64(),
      lastTimestampMs: reader.int64(),
      coordinatorEpoch: reader.int64(),
      idleMs: 0,
      batches: readList(reader, (): ProducedBatch => ({
        firstSequence: reader.varint(),
        lastSequence: reader.varint(),
        firstOffset: reader.varint(),
        lastOffset: reader.varint(),
        logAppendTimeMs: reader.int64(),
      })),
    })),
    open: readList(reader, () => [reader.varint(), reader.varint()] as const),
    unsettled: readEnded(reader),
  };
}

function writeEnded(writer: WireWriter, ended: readonly EndedTransaction[]): void {
  writeList(writer, ended, (each) => {
    writer.varint(each.producerId);
    writer.varint(each.firstOffset);
    writer.varint(each.markerOffset);
  });
}

function readEnded(reader: WireReader): EndedTransaction[] {
  return readList(reader, () => ({
    producerId: reader.varint(),
    firstOffset: reader.varint(),
    markerOffset: reader.varint(),
  }));
}

function writeList<T>(writer: WireWriter, items: readonly T[], write: (item: T) => void): void {
  writer.varint(items.length);
  for (const item of items) write(item);
}

function readList<T>(reader: WireReader, read: () => T): T[] {
  const items: T[] = [];
  for (let left = reader.varint(); left > 0; left -= 1) items.push(read());
  return items;
}
