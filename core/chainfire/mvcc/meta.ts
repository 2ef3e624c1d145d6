import { latin1FromBytes } from '../../base/bytes.ts';
import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { WireReader } from '../../wire/reader.ts';
import { WireWriter } from '../../wire/writer.ts';
import { metaTable, revisionKey } from './keys.ts';

/**
 * How far the store is: written in the same batch as what it speaks of, so that a store holds the effects of exactly the
 * entries that it says it does.
 */
export interface AppliedState {
  /** Position in the log of the last entry whose effects the store holds, and its term; 0 before the first. */
  readonly index: number;
  readonly term: number;
  /** Rolling CRC-32C over every entry applied and every record written: equal on all members at an equal index. */
  readonly hash: number;
  /** Main revision of the last change. */
  readonly revision: number;
  /** Reads below it are refused; 0 until the first compaction. */
  readonly compactRevision: number;
  /** Bytes of keys and records that are visible at the current revision. */
  readonly liveBytes: number;
}

/** How far this member is in freeing what compaction has released: no part of the replicated state. */
export interface PhysicalState {
  /** Key in `history` from which freeing goes on. */
  readonly cursor: string;
  /** Bytes of keys and values of every row of `current`, `history` and `index` here. */
  readonly storedBytes: number;
}

/** The first change gives revision 2, as in etcd: a client takes revision 0 for "now" and 1 for "nothing yet". */
export const firstRevision = 1;

const appliedRow = 'applied';
/** Of this member alone: what it holds is no part of the replicated state. */
export const physicalRow = 'physical';
const formatVersion = 1;

export function readApplied(store: Pick<StorageBackend, 'get'>): AppliedState {
  const bytes = store.get(metaTable, appliedRow);
  if (bytes === undefined) {
    return { index: 0, term: 0, hash: 0, revision: firstRevision, compactRevision: 0, liveBytes: 0 };
  }
  const reader = versioned(bytes);
  return {
    index: reader.varint(),
    term: reader.varint(),
    hash: reader.varint(),
    revision: reader.varint(),
    compactRevision: reader.varint(),
    liveBytes: reader.varint(),
  };
}

export function appliedWrite(state: AppliedState): StoreWrite {
  const writer = new WireWriter();
  writer.byte(formatVersion);
  writer.varint(state.index);
  writer.varint(state.term);
  writer.varint(state.hash);
  writer.varint(state.revision);
  writer.varint(state.compactRevision);
  writer.varint(state.liveBytes);
  return { table: metaTable, key: appliedRow, value: writer.finish() };
}

export function readPhysical(store: Pick<StorageBackend, 'get'>): PhysicalState {
  const bytes = store.get(metaTable, physicalRow);
  if (bytes === undefined) return { cursor: revisionKey(0, 0), storedBytes: 0 };
  const reader = versioned(bytes);
  return { storedBytes: reader.varint(), cursor: latin1FromBytes(reader.bytes()) };
}

export function physicalWrite(state: PhysicalState): StoreWrite {
  const writer = new WireWriter();
  writer.byte(formatVersion);
  writer.varint(state.storedBytes);
  writer.latin1(state.cursor);
  return { table: metaTable, key: physicalRow, value: writer.finish() };
}

function versioned(bytes: Uint8Array): WireReader {
  const reader = new WireReader(bytes);
  const version = reader.byte();
  if (version !== formatVersion)
    throw new Error(`the store is of format ${version}; this program reads ${formatVersion}`);
  return reader;
}
