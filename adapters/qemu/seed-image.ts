import { type CloudInit } from '../../core/plasma/types.ts';

const sectorBytes = 2_048;
/** Where things lie: 16 sectors belong to the system, then the descriptors, the path tables, the two root directories. */
const layout = { descriptors: 16, pathTables: 19, joliet: 21, root: 23, jolietRoot: 24, files: 25 } as const;
const label = 'cidata';
/** A directory is one sector here. */
const filesMax = 8;

interface SeedFile {
  readonly name: string;
  readonly bytes: Buffer;
}

/** The names of one volume: plain ones, or those of Joliet, which are what systems show. */
interface Naming {
  readonly text: (text: string) => Buffer;
  readonly fileName: (name: string) => Buffer;
}

const plain: Naming = {
  text: (text) => Buffer.from(text, 'latin1'),
  // Systems without Joliet show it small, and without what comes behind the name.
  fileName: (name) => Buffer.from(`${name.toUpperCase()}.;1`, 'latin1'),
};
const joliet: Naming = { text: ucs2, fileName: ucs2 };

/**
 * A volume in the format of ECMA-119 (ISO 9660) with Joliet names, as cloud-init's data source NoCloud looks for it: labelled
 * `cidata`, with `user-data` and `meta-data`, and `network-config` where there is one.
 */
export function seedImage(cloudInit: CloudInit): Uint8Array {
  const files: SeedFile[] = [
    { name: 'meta-data', bytes: Buffer.from(cloudInit.metaData) },
    { name: 'user-data', bytes: Buffer.from(cloudInit.userData) },
  ];
  if (cloudInit.networkConfig !== undefined)
    files.push({ name: 'network-config', bytes: Buffer.from(cloudInit.networkConfig) });
  files.sort((left, right) => (left.name < right.name ? -1 : 1));
  return volume(files);
}

function volume(files: readonly SeedFile[]): Uint8Array {
  if (files.length > filesMax) throw new Error(`a seed has at most ${filesMax} files`);
  let next: number = layout.files;
  const placed = files.map((file) => {
    const at = next;
    next += Math.ceil(file.bytes.length / sectorBytes);
    return { ...file, at };
  });
  const image = Buffer.alloc(next * sectorBytes);
  const put = (at: number, bytes: Buffer): void => void bytes.copy(image, at * sectorBytes);
  put(layout.descriptors, volumeDescriptor(1, next, layout.pathTables, layout.root, plain));
  put(layout.descriptors + 1, volumeDescriptor(2, next, layout.joliet, layout.jolietRoot, joliet));
  put(layout.descriptors + 2, Buffer.from('\xffCD001\x01', 'latin1'));
  put(layout.pathTables, pathTable(layout.root, 'little'));
  put(layout.pathTables + 1, pathTable(layout.root, 'big'));
  put(layout.joliet, pathTable(layout.jolietRoot, 'little'));
  put(layout.joliet + 1, pathTable(layout.jolietRoot, 'big'));
  put(layout.root, directory(layout.root, placed, plain));
  put(layout.jolietRoot, directory(layout.jolietRoot, placed, joliet));
  for (const { at, bytes } of placed) put(at, bytes);
  return image;
}

function volumeDescriptor(
  type: 1 | 2,
  sectors: number,
  tables: number,
  root: number,
  naming: Naming,
): Buffer {
  const descriptor = Buffer.alloc(sectorBytes);
  descriptor.write(`${String.fromCharCode(type)}CD001\x01`, 'latin1');
  const blank = naming.text(' '.repeat(128));
  for (const [at, length] of [
    [8, 32],
    [40, 32],
    [190, 128],
    [318, 128],
    [446, 128],
    [574, 128],
    [702, 37],
    [739, 37],
    [776, 37],
  ] as const)
    blank.copy(descriptor, at, 0, length);
  naming.text(label).copy(descriptor, 40);
  bothEnds32(descriptor, 80, sectors);
  if (type === 2) descriptor.write('%/E', 88, 'latin1');
  bothEnds16(descriptor, 120, 1);
  bothEnds16(descriptor, 124, 1);
  bothEnds16(descriptor, 128, sectorBytes);
  bothEnds32(descriptor, 132, 10);
  descriptor.writeUInt32LE(tables, 140);
  descriptor.writeUInt32BE(tables + 1, 148);
  directoryRecord(Buffer.from([0]), root, sectorBytes, true).copy(descriptor, 156);
  // Made, changed: not told. The same seed gives the same bytes.
  for (const at of [813, 830, 847, 864]) descriptor.write('0'.repeat(16), at, 'latin1');
  descriptor[881] = 1;
  return descriptor;
}

function pathTable(root: number, order: 'little' | 'big'): Buffer {
  const table = Buffer.alloc(10);
  table[0] = 1;
  if (order === 'little') {
    table.writeUInt32LE(root, 2);
    table.writeUInt16LE(1, 6);
  } else {
    table.writeUInt32BE(root, 2);
    table.writeUInt16BE(1, 6);
  }
  return table;
}

function directory(
  root: number,
  files: readonly (SeedFile & { readonly at: number })[],
  naming: Naming,
): Buffer {
  return Buffer.concat([
    directoryRecord(Buffer.from([0]), root, sectorBytes, true),
    directoryRecord(Buffer.from([1]), root, sectorBytes, true),
    ...files.map(({ name, at, bytes }) => directoryRecord(naming.fileName(name), at, bytes.length, false)),
  ]);
}

function directoryRecord(name: Buffer, at: number, length: number, isDirectory: boolean): Buffer {
  const record = Buffer.alloc(33 + name.length + ((33 + name.length) % 2));
  record[0] = record.length;
  bothEnds32(record, 2, at);
  bothEnds32(record, 10, length);
  record[25] = isDirectory ? 2 : 0;
  bothEnds16(record, 28, 1);
  record[32] = name.length;
  name.copy(record, 33);
  return record;
}

function bothEnds32(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt32LE(value, at);
  buffer.writeUInt32BE(value, at + 4);
}

function bothEnds16(buffer: Buffer, at: number, value: number): void {
  buffer.writeUInt16LE(value, at);
  buffer.writeUInt16BE(value, at + 2);
}

function ucs2(text: string): Buffer {
  return Buffer.from(text, 'utf16le').swap16();
}
