import { assert } from '../base/assert.ts';
import { noBytes } from '../base/bytes.ts';
import { WireError, wireDepthMax, WireReader } from './reader.ts';
import { WireWriter } from './writer.ts';

export { utf8FromText as utf8Encode } from '../base/utf8.ts';
export { utf8Decode } from './reader.ts';

/**
 * Protocol Buffers (proto3) from compact schema tables: a message is declared once, as data, and gives its TypeScript
 * type, its encoder and its decoder.
 *
 * Shapes: `int64`, `int32`, `uint32`, `uint64` are numbers that must be safe integers; `id64` is a bigint of an opaque
 * 64-bit id (for int64 and uint64 fields alike, unsigned); `bytes` is a view of the input; `latin1` is a bytes field as a
 * latin1 string; `text` is UTF-8; an enum is a number, known or not; a message field is `undefined` when absent. The
 * members of a oneof are message fields or `optional` ones of which one is set. Unknown fields are skipped.
 *
 * Source: the Protocol Buffers encoding reference.
 */
export interface Field<T> {
  readonly number: number;
  readonly wireType: number;
  /** Writes the value without its tag. */
  write(writer: WireWriter, value: T): void;
  read(reader: WireReader, previous: T): T;
  readonly absent: T;
  isDefault(value: T): boolean;
  readonly repeated: boolean;
  /** Set when elements of a repeated scalar come packed. */
  readonly packedItem?: Field<unknown>;
}

/** Declarations by name. `Field` has methods, not function properties, so that any field is a `Field<unknown>`. */
export type Fields = Readonly<Record<string, Field<unknown>>>;
type ValueOf<F> = F extends Field<infer T> ? T : never;

/** The TypeScript shape of a message: every field present, absent ones with their default. */
export type Infer<M> = M extends Message<infer Shape> ? Shape : never;

const varintType = 0;
const fixed64Type = 1;
const delimitedType = 2;
const fixed32Type = 5;

/** Field numbers have 29 bits. */
const fieldNumberMax = 536_870_911;

export class Message<Shape> {
  readonly name: string;
  /** In the order of their numbers, which is the order of writing. */
  readonly #names: readonly string[];
  readonly #fields: readonly Field<unknown>[];
  readonly #tags: readonly number[];
  readonly #positions: ReadonlyMap<number, number>;

  constructor(name: string, fields: Fields) {
    this.name = name;
    const entries = Object.entries(fields).sort((left, right) => left[1].number - right[1].number);
    this.#names = entries.map(([fieldName]) => fieldName);
    this.#fields = entries.map(([, field]) => field);
    this.#tags = this.#fields.map((field) => field.number * 8 + field.wireType);
    this.#positions = new Map(this.#fields.map((field, position) => [field.number, position]));
    assert(this.#positions.size === entries.length, 'each field of a message has a number of its own');
    for (const { number } of this.#fields) {
      assert(
        Number.isInteger(number) && number >= 1 && number <= fieldNumberMax,
        'a field number has 29 bits',
      );
    }
  }

  /** A message with the given fields and every other at its default. */
  create(fields: Partial<Shape> = {}): Shape {
    const value = this.#absent();
    const given = fields as Record<string, unknown>;
    for (const name of this.#names) {
      const own = given[name];
      if (own !== undefined) value[name] = own;
    }
    return value as Shape;
  }

  encode(value: Shape): Uint8Array {
    // Encoders do not nest: a nested message writes to the writer it is given.
    encoder.reset();
    this.write(encoder, value);
    return encoder.finish();
  }

  write(writer: WireWriter, value: Shape): void {
    const record = value as Record<string, unknown>;
    for (let at = 0; at < this.#names.length; at += 1) {
      const field = this.#fields[at] as Field<unknown>;
      const own = record[this.#names[at] as string];
      if (field.isDefault(own)) continue;
      const tag = this.#tags[at] as number;
      if (field.repeated && field.packedItem === undefined) {
        for (const item of own as readonly unknown[]) {
          writer.varint(tag);
          field.write(writer, item);
        }
      } else {
        writer.varint(tag);
        field.write(writer, own);
      }
    }
  }

  /**
   * @param depthMax how deep messages may nest in this one
   * @throws WireError naming the message and field that is malformed
   */
  decode(bytes: Uint8Array, depthMax: number = wireDepthMax): Shape {
    return this.read(new WireReader(bytes, 0, bytes.length, depthMax));
  }

  /** @param previous what came before in the same field, if anything: its fields stay where they are not given again */
  read(reader: WireReader, previous?: Shape): Shape {
    const record = (previous ?? this.#absent()) as Record<string, unknown>;
    while (!reader.done) {
      const tag = reader.varint();
      const number = Math.floor(tag / 8);
      const wireType = tag % 8;
      if (number === 0 || number > fieldNumberMax) {
        throw new WireError(`${this.name}: field number ${number} is out of range`);
      }
      const position = this.#positions.get(number);
      if (position === undefined) {
        skip(reader, wireType, this.name);
        continue;
      }
      const field = this.#fields[position] as Field<unknown>;
      const name = this.#names[position] as string;
      try {
        record[name] = readField(reader, field, wireType, record[name]);
      } catch (error) {
        if (error instanceof WireError) throw new WireError(`${this.name}.${name}: ${error.message}`);
        throw error;
      }
    }
    return record as Shape;
  }

  #absent(): Record<string, unknown> {
    const value: Record<string, unknown> = {};
    for (let at = 0; at < this.#names.length; at += 1) {
      value[this.#names[at] as string] = (this.#fields[at] as Field<unknown>).absent;
    }
    return value;
  }
}

/** One for all messages: to allocate a buffer for each costs more than to encode into it. */
const encoder = new WireWriter();

/** Declares a message. */
export function message<F extends Fields>(
  name: string,
  fields: F,
): Message<{ readonly [K in keyof F]: ValueOf<F[K]> }> {
  return new Message(name, fields);
}

function readField(reader: WireReader, field: Field<unknown>, wireType: number, previous: unknown): unknown {
  if (!field.repeated) {
    if (wireType !== field.wireType) throw wrongType(wireType, field.wireType);
    return field.read(reader, previous);
  }
  // The shared empty list stands for none; any other was begun by this decoder and grows in place.
  const list = previous === noItems ? [] : (previous as unknown[]);
  const item = field.packedItem;
  if (item !== undefined && wireType === item.wireType) list.push(item.read(reader, item.absent));
  else if (wireType !== field.wireType) throw wrongType(wireType, field.wireType);
  else if (item !== undefined) field.read(reader, list);
  else list.push(field.read(reader, undefined));
  return list;
}

function wrongType(wireType: number, expected: number): WireError {
  return new WireError(`wire type ${wireType} where ${expected} belongs`);
}

function skip(reader: WireReader, wireType: number, name: string): void {
  switch (wireType) {
    case varintType:
      reader.skipVarint();
      break;
    case fixed64Type:
      reader.raw(8);
      break;
    case delimitedType:
      reader.bytes();
      break;
    case fixed32Type:
      reader.raw(4);
      break;
    default:
      throw new WireError(`${name}: unknown wire type ${wireType}`);
  }
}

function saturated(value: bigint): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

function scalar<T>(
  number: number,
  wireType: number,
  absent: T,
  write: (writer: WireWriter, value: T) => void,
  read: (reader: WireReader) => T,
): Field<T> {
  return {
    number,
    wireType,
    write,
    read,
    absent,
    isDefault: (value) => value === absent || value === undefined,
    repeated: false,
  };
}

export const int64 = (number: number): Field<number> =>
  scalar(
    number,
    varintType,
    0,
    (writer, value) => writer.int64(value),
    (reader) => reader.int64(),
  );
/**
 * An int64 that is held against a bound: what is no safe integer is read as the nearest one that is, so that whoever checks
 * the bound says what is wrong with it.
 */
export const saturatedInt64 = (number: number): Field<number> =>
  scalar(
    number,
    varintType,
    0,
    (writer, value) => writer.int64(value),
    (reader) => saturated(BigInt.asIntN(64, reader.uint64())),
  );
export const uint64 = (number: number): Field<number> =>
  scalar(
    number,
    varintType,
    0,
    (writer, value) => writer.varint(value),
    (reader) => reader.varint(),
  );
export const int32 = (number: number): Field<number> =>
  scalar(
    number,
    varintType,
    0,
    (writer, value) => writer.int32(value),
    (reader) => reader.int32(),
  );
export const uint32 = (number: number): Field<number> =>
  scalar(
    number,
    varintType,
    0,
    (writer, value) => writer.uint32(value),
    (reader) => reader.uint32(),
  );
/** An enum: any int32, known to the declaration or not. */
export const enumeration = int32;
export const id64 = (number: number): Field<bigint> =>
  scalar(
    number,
    varintType,
    0n,
    (writer, value) => writer.uint64(value),
    (reader) => reader.uint64(),
  );
export const bool = (number: number): Field<boolean> =>
  scalar(
    number,
    varintType,
    false,
    (writer, value) => writer.byte(value ? 1 : 0),
    (reader) => reader.bool(),
  );
export const latin1 = (number: number): Field<string> =>
  scalar(
    number,
    delimitedType,
    '',
    (writer, value) => writer.latin1(value),
    (reader) => reader.latin1(),
  );
export const text = (number: number): Field<string> =>
  scalar(
    number,
    delimitedType,
    '',
    (writer, value) => writer.text(value),
    (reader) => reader.text(),
  );
export const bytes = (number: number): Field<Uint8Array> => ({
  ...scalar<Uint8Array>(
    number,
    delimitedType,
    noBytes,
    (writer, value) => writer.bytes(value),
    (reader) => reader.bytes(),
  ),
  isDefault: (value) => value === undefined || value.length === 0,
});

/** A nested message; `type` is a thunk so that messages may nest in themselves. */
export function nested<Shape>(number: number, type: () => Message<Shape>): Field<Shape | undefined> {
  return {
    number,
    wireType: delimitedType,
    write: (writer, value) => {
      const start = writer.begin();
      type().write(writer, value as Shape);
      writer.end(start);
    },
    read: (reader, previous) => type().read(reader.part(), previous),
    absent: undefined,
    isDefault: (value) => value === undefined,
    repeated: false,
  };
}

/** A scalar with presence: `undefined` when absent, written even at its default (a member of a oneof). */
export function optional<T>(field: Field<T>): Field<T | undefined> {
  return {
    ...(field as Field<T | undefined>),
    absent: undefined,
    isDefault: (value) => value === undefined,
  };
}

/** Every empty list; frozen, since all messages share it. */
const noItems: readonly never[] = Object.freeze([]);

/** A list. Scalars of varint type are written packed and read either way. */
export function repeated<T>(field: Field<T>): Field<readonly Exclude<T, undefined>[]> {
  type Item = Exclude<T, undefined>;
  const list = {
    number: field.number,
    wireType: delimitedType,
    absent: noItems as readonly Item[],
    isDefault: (value: readonly Item[]) => value === undefined || value.length === 0,
    repeated: true,
  };
  if (field.wireType !== varintType) {
    // Items one by one: `write` and `read` see a single item here.
    return { ...list, write: field.write, read: field.read } as unknown as Field<readonly Item[]>;
  }
  return {
    ...list,
    write: (writer, value) => {
      const start = writer.begin();
      for (const item of value) field.write(writer, item as T);
      writer.end(start);
    },
    // `readField` hands in a list of the decoder's own.
    read: (reader, previous) => {
      const part = reader.part();
      while (!part.done) (previous as Item[]).push(field.read(part, field.absent) as Item);
      return previous;
    },
    packedItem: field as Field<unknown>,
  };
}
