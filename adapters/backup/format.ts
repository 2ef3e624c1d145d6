import { type Infer, id64, message, repeated, text, uint64 } from '../../core/wire/protobuf.ts';

/**
 * A snapshot as a file, and as the stream that `Maintenance.Snapshot` is: every table of a member's store as it was at one
 * applied index.
 *
 *     magic    16 bytes
 *     header   a frame (core/wire/framing.ts): whose snapshot it is, and of when
 *     rows*    frames: a table's name and rows of it, keys ascending, tables in the order of the header
 *     end      a frame: how many rows there were
 *     padding  a frame of zeros that makes the length so far a multiple of 512
 *     sha-256  of everything before: 32 bytes
 *
 * The length modulo 512 is 32: that is how etcd's clients tell a snapshot that is whole from one that is not.
 */
export const snapshotMagic = Uint8Array.from('photon-snapshot\n', (char) => char.charCodeAt(0));
export const snapshotFrames = { header: 1, rows: 2, end: 3, padding: 4 } as const;
/** Raised with every change that an older program cannot read. */
export const snapshotFormatVersion = 1;
export const blockBytes = 512;
export const digestBytes = 32;
/** A single row larger than this makes a larger frame. */
export const frameRowsBytes = 262_144;
/** No row is longer: a request is 16 MiB at most. Beyond it a length is damage. */
export const frameBytesMax = 67_108_864;

export const SnapshotFileHeader = message('SnapshotFileHeader', {
  formatVersion: uint64(1),
  system: text(2),
  /** Of the program that wrote it; for people. */
  softwareVersion: text(3),
  clusterId: id64(4),
  memberName: text(5),
  /** The last entry of the log that the rows reflect. */
  appliedIndex: uint64(6),
  appliedTerm: uint64(7),
  revision: uint64(8),
  compactRevision: uint64(9),
  /** Wall time at which it was begun; for people. */
  createdMs: uint64(10),
  tables: repeated(text(11)),
});
export type SnapshotFileHeader = Infer<typeof SnapshotFileHeader>;

/** A file that is no snapshot, is not whole, or is of a format that this program does not read. */
export class SnapshotFileError extends Error {
  override readonly name = 'SnapshotFileError';
}
