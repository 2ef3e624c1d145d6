import { noBytes } from '../../base/bytes.ts';
import type { FileSlice } from '../../storage/segment-files.ts';
import { WireError } from '../reader.ts';
import type { KafkaReader } from './reader.ts';
import type { KafkaWriter } from './writer.ts';

/** Reads and writes one type in one form: that of a version, flexible or not, nullable or not. */
export interface Codec {
  write(writer: KafkaWriter, value: unknown): void;
  read(reader: KafkaReader): unknown;
  /** No value is shorter: so many of them cannot be there where fewer bytes are left. */
  readonly bytesMin: number;
}

/** Which form of a type is meant. */
export interface Form {
  readonly version: number;
  /** Whether lengths are varints and structs end in tagged fields (KIP-482). */
  readonly flexible: boolean;
  readonly nullable: boolean;
}

/** A type of the protocol; `T` is what its values are in a program. */
export interface Type<T> {
  readonly name: string;
  /** What stands for a field of this type that a version lacks, unless the field says otherwise. */
  readonly zero: T;
  codec(form: Form): Codec;
  /** Fills what is left out of a value that a program gives. */
  complete(given: unknown): T;
  equal(left: unknown, right: unknown): boolean;
}

/** What a partition's record batches are: in memory, or named in a file. Decoded ones are always in memory. */
export type Records = Uint8Array | FileSlice;

export const zeroUuid = '00000000000000000000000000000000';

const unexpectedNull = 'null where the protocol has none';

interface Scalar<T> {
  readonly name: string;
  readonly zero: T;
  readonly codec: (form: Form) => Codec;
}

function scalar<T>({ name, zero, codec }: Scalar<T>): Type<T> {
  return {
    name,
    zero,
    codec,
    complete: (given) => given as T,
    equal: (left, right) => left === right,
  };
}

/** A type that has one form for all versions. */
function fixed<T>(
  name: string,
  zero: T,
  bytesMin: number,
  write: (writer: KafkaWriter, value: T) => void,
  read: (reader: KafkaReader) => T,
): Type<T> {
  const codec: Codec = { write: write as Codec['write'], read, bytesMin };
  return scalar({ name, zero, codec: () => codec });
}

export const boolType = fixed<boolean>(
  'bool',
  false,
  1,
  (writer, value) => writer.bool(value),
  (reader) => reader.bool(),
);
export const int8Type = fixed<number>(
  'int8',
  0,
  1,
  (writer, value) => writer.int8(value),
  (reader) => reader.int8(),
);
export const int16Type = fixed<number>(
  'int16',
  0,
  2,
  (writer, value) => writer.int16(value),
  (reader) => reader.int16(),
);
export const int32Type = fixed<number>(
  'int32',
  0,
  4,
  (writer, value) => writer.int32(value),
  (reader) => reader.int32(),
);
export const int64Type = fixed<number>(
  'int64',
  0,
  8,
  (writer, value) => writer.int64(value),
  (reader) => reader.int64(),
);
export const float64Type = fixed<number>(
  'float64',
  0,
  8,
  (writer, value) => writer.float64(value),
  (reader) => reader.float64(),
);
export const uuidType = fixed<string>(
  'uuid',
  zeroUuid,
  16,
  (writer, value) => writer.uuid(value),
  (reader) => reader.uuid(),
);

/** Picks one of four codecs, made once. */
function byForm(make: (flexible: boolean, nullable: boolean) => Codec): (form: Form) => Codec {
  const plain = make(false, false);
  const plainNullable = make(false, true);
  const compact = make(true, false);
  const compactNullable = make(true, true);
  return ({ flexible, nullable }) =>
    flexible ? (nullable ? compactNullable : compact) : nullable ? plainNullable : plain;
}

export const stringType: Type<string> = scalar({
  name: 'string',
  zero: '',
  codec: byForm((flexible, nullable) => ({
    write: (writer, value) => {
      if (value === undefined) {
        if (!nullable) throw new WireError(unexpectedNull);
        if (flexible) writer.unsignedVarint(0);
        else writer.int16(-1);
      } else if (flexible) writer.compactString(value as string);
      else writer.string(value as string);
    },
    read: (reader) => {
      const length = flexible ? reader.unsignedVarint() - 1 : reader.int16();
      return isNull(length, nullable) ? undefined : reader.text(length);
    },
    bytesMin: flexible ? 1 : 2,
  })),
});

function writeLength(writer: KafkaWriter, flexible: boolean, length: number): void {
  if (flexible) writer.unsignedVarint(length + 1);
  else writer.int32(length);
}

function readLength(reader: KafkaReader, flexible: boolean): number {
  return flexible ? reader.unsignedVarint() - 1 : reader.int32();
}

/** @throws WireError for a null where there may be none, and for any other negative length */
function isNull(length: number, nullable: boolean): boolean {
  if (length >= 0) return false;
  if (length < -1) throw new WireError(`${length} is no length`);
  if (!nullable) throw new WireError(unexpectedNull);
  return true;
}

function bytesCodec(flexible: boolean, nullable: boolean): Codec {
  return {
    write: (writer, value) => {
      if (value === undefined) {
        if (!nullable) throw new WireError(unexpectedNull);
        writeLength(writer, flexible, -1);
      } else if (value instanceof Uint8Array) {
        writeLength(writer, flexible, value.length);
        writer.raw(value);
      } else {
        const slice = value as FileSlice;
        writeLength(writer, flexible, slice.lengthBytes);
        writer.slice(slice);
      }
    },
    read: (reader) => {
      const length = readLength(reader, flexible);
      return isNull(length, nullable) ? undefined : reader.raw(length);
    },
    bytesMin: flexible ? 1 : 4,
  };
}

export const bytesType: Type<Uint8Array> = scalar({
  name: 'bytes',
  zero: noBytes,
  codec: byForm(bytesCodec),
});
export const recordsType: Type<Records> = scalar<Records>({
  name: 'records',
  zero: noBytes,
  codec: byForm(bytesCodec),
});

/** Every empty list; frozen, since all messages share it. */
const noItems: readonly never[] = Object.freeze([]);

/** An array of any type: its elements are never null. */
export class ListType<T> implements Type<readonly T[]> {
  readonly name = 'array';
  readonly zero: readonly T[] = noItems;
  readonly item: Type<T>;

  constructor(item: Type<T>) {
    this.item = item;
  }

  codec({ version, flexible, nullable }: Form): Codec {
    const item = this.item.codec({ version, flexible, nullable: false });
    return {
      write: (writer, value) => {
        if (value === undefined) {
          if (!nullable) throw new WireError(unexpectedNull);
          writeLength(writer, flexible, -1);
          return;
        }
        const items = value as readonly T[];
        writeLength(writer, flexible, items.length);
        for (const one of items) item.write(writer, one);
      },
      read: (reader) => {
        const count = readLength(reader, flexible);
        if (isNull(count, nullable)) return undefined;
        if (count * item.bytesMin > reader.remaining) {
          throw new WireError(`an array of ${count} does not fit into what is left of the input`);
        }
        if (count === 0) return noItems;
        const items: unknown[] = [];
        for (let at = 0; at < count; at += 1) items.push(item.read(reader));
        return items;
      },
      bytesMin: flexible ? 1 : 4,
    };
  }

  complete(given: unknown): readonly T[] {
    return (given as readonly unknown[]).map((one) => this.item.complete(one));
  }

  equal(left: unknown, right: unknown): boolean {
    // Tagged lists have an empty one as their default: nothing else is ever compared.
    return (left as readonly T[]).length === 0 && (right as readonly T[]).length === 0;
  }
}
