import { type GroupId, type NodeId } from '../base/ids.ts';
import { WireError, WireReader } from '../wire/reader.ts';
import { WireWriter } from '../wire/writer.ts';
import { type Entry, type EntryKind, type LogIndex, type Term } from './types.ts';

/** An entry's index and term. */
export interface Position {
  readonly index: LogIndex;
  readonly term: Term;
}

/** Consecutive entries; at least one. */
export interface EntryRun {
  /** Term of the entry before the first: lets a reader tell whether what it holds below belongs to them. */
  readonly previousTerm: Term;
  readonly entries: readonly Entry[];
}

/** Where a run lies in its batch's payload. */
export interface RunPlace {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

/**
 * What one batch says of one group. Every record states the group's whole hard state, so that damage to an earlier one
 * never loses the newest. The parts take effect in this order: `restart`, `base`, `copies`, `entries`.
 */
export interface GroupRecord {
  readonly group: GroupId;
  /** Numbers the group's news 1, 2, 3 …: whether any is missing shows. */
  readonly recordSeq: number;
  /** False when the record only repeats what earlier ones said, under the number of the last of them. */
  readonly news: boolean;
  readonly term: Term;
  readonly vote: NodeId | 0;
  readonly boot: number;
  readonly repairing: boolean;
  /** The log restarts behind this position: a snapshot was installed. */
  readonly restart?: Position | undefined;
  /** Entries at and below this position are no longer needed. */
  readonly base?: Position | undefined;
  /** The same entries as before, moved out of an old file. */
  readonly copies: readonly EntryRun[];
  /** Replaces everything at and above its first index. */
  readonly entries?: EntryRun | undefined;
}

export interface Batch {
  /** The batch states every group's hard state and base: files before it are not needed for them. */
  readonly restates: boolean;
  readonly records: readonly GroupRecord[];
}

/** Where the runs of a record lie: copies in their order, then entries. */
export interface RecordPlaces {
  readonly copies: readonly RunPlace[];
  readonly entries: RunPlace | undefined;
}

const restatesFlag = 1;

const repairingFlag = 1;
const restartFlag = 2;
const baseFlag = 4;
const copiesFlag = 8;
const entriesFlag = 16;
const newsFlag = 32;

const entryKinds: readonly EntryKind[] = ['empty', 'command', 'configuration'];

/** @param writer where it is put together, to be used again: what was in it is gone */
export function encodeBatch(
  batch: Batch,
  writer = new WireWriter(),
): { payload: Uint8Array; places: readonly RecordPlaces[] } {
  writer.reset();
  writer.byte(batch.restates ? restatesFlag : 0);
  writer.varint(batch.records.length);
  const places = batch.records.map((record) => writeRecord(writer, record));
  return { payload: writer.finish(), places };
}

/** @throws WireError when the payload is not a batch: its checksum was right, so another program wrote it */
export function decodeBatch(payload: Uint8Array): Batch & { readonly places: readonly RecordPlaces[] } {
  const reader = new WireReader(payload);
  const flags = reader.byte();
  const records: GroupRecord[] = [];
  const places: RecordPlaces[] = [];
  for (let count = reader.varint(); count > 0; count -= 1) {
    const { record, place } = readRecord(reader);
    records.push(record);
    places.push(place);
  }
  if (!reader.done) throw new WireError('a batch of the log is followed by more bytes');
  return { restates: (flags & restatesFlag) !== 0, records, places };
}

/** The entries at a place, the first of which has `firstIndex`. */
export function decodeEntries(payload: Uint8Array, place: RunPlace, firstIndex: LogIndex): readonly Entry[] {
  const reader = new WireReader(payload, place.offsetBytes, place.offsetBytes + place.lengthBytes);
  const entries: Entry[] = [];
  while (!reader.done) entries.push(readEntry(reader, firstIndex + entries.length));
  return entries;
}

export function writeEntry(writer: WireWriter, entry: Entry): void {
  writer.varint(entry.term);
  writer.byte(entryKinds.indexOf(entry.kind));
  writer.bytes(entry.data);
}

/** @throws WireError */
export function readEntry(reader: WireReader, index: LogIndex): Entry {
  const term = reader.varint();
  const kind = entryKinds[reader.byte()];
  if (kind === undefined) throw new WireError('an entry is of an unknown kind');
  return { index, term, kind, data: reader.bytes() };
}

function writeRecord(writer: WireWriter, record: GroupRecord): RecordPlaces {
  writer.varint(record.group);
  writer.varint(record.recordSeq);
  writer.byte(flagsOf(record));
  writer.varint(record.term);
  writer.varint(record.vote);
  writer.varint(record.boot);
  if (record.restart !== undefined) writePosition(writer, record.restart);
  if (record.base !== undefined) writePosition(writer, record.base);
  const copies: RunPlace[] = [];
  if (record.copies.length > 0) {
    writer.varint(record.copies.length);
    for (const run of record.copies) copies.push(writeRun(writer, run));
  }
  const entries = record.entries === undefined ? undefined : writeRun(writer, record.entries);
  return { copies, entries };
}

function flagsOf(record: GroupRecord): number {
  return (
    (record.news ? newsFlag : 0) |
    (record.repairing ? repairingFlag : 0) |
    (record.restart === undefined ? 0 : restartFlag) |
    (record.base === undefined ? 0 : baseFlag) |
    (record.copies.length === 0 ? 0 : copiesFlag) |
    (record.entries === undefined ? 0 : entriesFlag)
  );
}

function readRecord(reader: WireReader): { record: GroupRecord; place: RecordPlaces } {
  const group = reader.varint() as GroupId;
  const recordSeq = reader.varint();
  const flags = reader.byte();
  const term = reader.varint();
  const vote = reader.varint() as NodeId | 0;
  const boot = reader.varint();
  const restart = (flags & restartFlag) === 0 ? undefined : readPosition(reader);
  const base = (flags & baseFlag) === 0 ? undefined : readPosition(reader);
  const copies: PlacedRun[] = [];
  if ((flags & copiesFlag) !== 0) {
    for (let count = reader.varint(); count > 0; count -= 1) copies.push(readRun(reader));
  }
  const entries = (flags & entriesFlag) === 0 ? undefined : readRun(reader);
  const record: GroupRecord = {
    group,
    recordSeq,
    news: (flags & newsFlag) !== 0,
    term,
    vote,
    boot,
    repairing: (flags & repairingFlag) !== 0,
    restart,
    base,
    copies: copies.map(({ run }) => run),
    entries: entries?.run,
  };
  return { record, place: { copies: copies.map(({ place }) => place), entries: entries?.place } };
}

interface PlacedRun {
  readonly run: EntryRun;
  readonly place: RunPlace;
}

function writeRun(writer: WireWriter, run: EntryRun): RunPlace {
  writer.varint(run.entries[0]?.index ?? 0);
  writer.varint(run.previousTerm);
  writer.varint(run.entries.length);
  const offsetBytes = writer.length;
  for (const entry of run.entries) writeEntry(writer, entry);
  return { offsetBytes, lengthBytes: writer.length - offsetBytes };
}

function readRun(reader: WireReader): PlacedRun {
  const firstIndex = reader.varint();
  const previousTerm = reader.varint();
  const count = reader.varint();
  if (firstIndex === 0 || count === 0) throw new WireError('a run of entries is empty');
  const offsetBytes = reader.position;
  const entries: Entry[] = [];
  for (let at = 0; at < count; at += 1) entries.push(readEntry(reader, firstIndex + at));
  return {
    run: { previousTerm, entries },
    place: { offsetBytes, lengthBytes: reader.position - offsetBytes },
  };
}

function writePosition(writer: WireWriter, position: Position): void {
  writer.varint(position.index);
  writer.varint(position.term);
}

function readPosition(reader: WireReader): Position {
  return { index: reader.varint(), term: reader.varint() };
}
