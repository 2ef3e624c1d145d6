import { type ImageLimits, type ImageVerdict } from './image-verdict.ts';

/**
 * The header of a qcow2 image.
 *
 * Source: QEMU's docs/interop/qcow2.txt, versions 2 and 3.
 */
interface Qcow2Header {
  readonly version: number;
  readonly backingOffset: number;
  readonly backingLength: number;
  readonly clusterBits: number;
  readonly sizeBytes: number;
  readonly cryptMethod: number;
  readonly l1Entries: number;
  readonly l1Offset: number;
  readonly refcountTableOffset: number;
  readonly refcountTableClusters: number;
  readonly snapshots: number;
  /** Bits 32 to 63, of which none has a meaning, and 0 to 31. */
  readonly incompatibleHigh: number;
  readonly incompatible: number;
  readonly refcountOrder: number;
  readonly headerBytes: number;
  readonly compressionType: number;
}

const version2Bytes = 72;
const version3Bytes = 104;
const clusterBitsMin = 9;
const clusterBitsMax = 21;
/** QEMU's own bounds of both tables. */
const l1BytesMax = 32 * 1_048_576;
const refcountTableBytesMax = 8 * 1_048_576;

const incompatible = { dirty: 1, corrupt: 2, dataFile: 4, compression: 8, extendedL2: 16 } as const;
const compressionTypes = ['zlib', 'zstd'] as const;

const extensions = {
  end: 0,
  backingFormat: 0xe279_2aca,
  encryption: 0x0537_be77,
  dataFile: 0x4441_5441,
} as const;

export function judgeQcow2(head: Uint8Array, fileBytes: number, limits: ImageLimits): ImageVerdict {
  const header = parseHeader(head);
  if (typeof header === 'string') return { kind: 'refused', reason: header };
  const reason =
    refusesDependence(header) ??
    refusesFeatures(header) ??
    refusesSizes(header, fileBytes, limits) ??
    refusesExtensions(head, header);
  if (reason !== undefined) return { kind: 'refused', reason };
  return { kind: 'accepted', format: 'qcow2', virtualBytes: header.sizeBytes };
}

/** @returns what is wrong, where it cannot be read */
function parseHeader(head: Uint8Array): Qcow2Header | string {
  if (head.length < version2Bytes) return 'its header is cut short';
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const version = view.getUint32(4);
  if (version !== 2 && version !== 3) return `it is qcow of version ${version}: 2 and 3 are taken`;
  if (version === 3 && head.length < version3Bytes) return 'its header is cut short';
  const isNew = version === 3;
  const headerBytes = isNew ? view.getUint32(100) : version2Bytes;
  return {
    version,
    backingOffset: uint64(view, 8),
    backingLength: view.getUint32(16),
    clusterBits: view.getUint32(20),
    sizeBytes: uint64(view, 24),
    cryptMethod: view.getUint32(32),
    l1Entries: view.getUint32(36),
    l1Offset: uint64(view, 40),
    refcountTableOffset: uint64(view, 48),
    refcountTableClusters: view.getUint32(56),
    snapshots: view.getUint32(60),
    incompatibleHigh: isNew ? view.getUint32(72) : 0,
    incompatible: isNew ? view.getUint32(76) : 0,
    refcountOrder: isNew ? view.getUint32(96) : 4,
    headerBytes,
    compressionType: headerBytes > version3Bytes ? (head[version3Bytes] ?? 0) : 0,
  };
}

/** Why it does not stand alone. */
function refusesDependence(header: Qcow2Header): string | undefined {
  if (header.backingOffset !== 0 || header.backingLength !== 0)
    return 'it names a backing file: flatten it (qemu-img convert)';
  if ((header.incompatible & incompatible.dataFile) !== 0)
    return 'it keeps its data in another file: convert it (qemu-img convert)';
  if (header.cryptMethod !== 0) return 'it is encrypted';
  return undefined;
}

function refusesFeatures(header: Qcow2Header): string | undefined {
  const bits = header.incompatible;
  const { dirty, corrupt, dataFile, compression, extendedL2 } = incompatible;
  const unknown = bits & ~(dirty | corrupt | dataFile | compression | extendedL2);
  if (header.incompatibleHigh !== 0 || unknown !== 0)
    return `it needs features that are not known (incompatible bits ${(unknown >>> 0).toString(16)}, ${header.incompatibleHigh.toString(16)} above them)`;
  if ((bits & corrupt) !== 0) return 'it is marked as corrupt';
  if ((bits & dirty) !== 0) return 'it was not closed in order: repair it (qemu-img check -r leaks)';
  const known = header.compressionType < compressionTypes.length;
  if (!known || (header.compressionType !== 0) !== ((bits & compression) !== 0))
    return `its compression ${header.compressionType} is none of ${compressionTypes.join(', ')}`;
  if (header.snapshots !== 0)
    return `it holds ${header.snapshots} snapshots of its own: convert it (qemu-img convert)`;
  return undefined;
}

function refusesSizes(header: Qcow2Header, fileBytes: number, limits: ImageLimits): string | undefined {
  const { clusterBits, sizeBytes, refcountOrder, headerBytes } = header;
  if (clusterBits < clusterBitsMin || clusterBits > clusterBitsMax)
    return `its clusters have 2^${clusterBits} bytes: 2^${clusterBitsMin} to 2^${clusterBitsMax} are taken`;
  const extended = (header.incompatible & incompatible.extendedL2) !== 0;
  if (extended && clusterBits < 14) return 'its clusters are too small for subclusters';
  const clusterBytes = 2 ** clusterBits;
  if (headerBytes < (header.version === 3 ? version3Bytes : version2Bytes) || headerBytes % 8 !== 0)
    return `its header has ${headerBytes} bytes`;
  if (headerBytes > clusterBytes) return 'its header is longer than a cluster';
  if (refcountOrder > 6) return `its reference counts have 2^${refcountOrder} bits: 64 are the most`;
  if (sizeBytes === 0 || sizeBytes > limits.virtualBytesMax)
    return `its disk has ${sizeBytes} bytes: 1 to ${limits.virtualBytesMax} are taken`;
  const bytesOfL1Entry = clusterBytes * (clusterBytes / (extended ? 16 : 8));
  const l1Bytes = header.l1Entries * 8;
  if (header.l1Entries < Math.ceil(sizeBytes / bytesOfL1Entry) || l1Bytes > l1BytesMax)
    return `its first table has ${header.l1Entries} entries, which is not what a disk of ${sizeBytes} bytes needs`;
  if (!liesIn(fileBytes, clusterBytes, header.l1Offset, l1Bytes))
    return 'its first table does not lie in the file';
  const refcountBytes = header.refcountTableClusters * clusterBytes;
  if (refcountBytes === 0 || refcountBytes > refcountTableBytesMax)
    return `its table of reference counts has ${header.refcountTableClusters} clusters`;
  if (!liesIn(fileBytes, clusterBytes, header.refcountTableOffset, refcountBytes))
    return 'its table of reference counts does not lie in the file';
  return undefined;
}

/** Extensions that name or need something outside of the image; those that nobody knows are for whoever wrote them. */
function refusesExtensions(head: Uint8Array, header: Qcow2Header): string | undefined {
  const view = new DataView(head.buffer, head.byteOffset, head.length);
  const end = Math.min(2 ** header.clusterBits, head.length);
  let at = header.headerBytes;
  while (at + 8 <= end) {
    const type = view.getUint32(at);
    const lengthBytes = view.getUint32(at + 4);
    if (type === extensions.end) return undefined;
    if (lengthBytes > end - at - 8) return 'a part of its header goes beyond its first cluster';
    if (type === extensions.backingFormat) return 'it names the format of a backing file';
    if (type === extensions.dataFile) return 'it names a data file';
    if (type === extensions.encryption) return 'it has a header of encryption';
    at += 8 + Math.ceil(lengthBytes / 8) * 8;
  }
  return undefined;
}

function liesIn(fileBytes: number, clusterBytes: number, offset: number, lengthBytes: number): boolean {
  return offset > 0 && offset % clusterBytes === 0 && offset + lengthBytes <= fileBytes;
}

/** Numbers beyond the safe ones are beyond every bound, too. */
function uint64(view: DataView, at: number): number {
  return view.getUint32(at) * 0x1_0000_0000 + view.getUint32(at + 4);
}
