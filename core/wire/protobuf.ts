import { latin1FromBytes, noBytes } from '../base/bytes.ts';
import { WireError, WireReader } from './reader.ts';
import { WireWriter } from './writer.ts';

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

export class Message<Shape> {
  readonly name: string;
  readonly #names: readonly string[];
  readonly #fields: readonly Field<unknown>[];
  readonly #byNumber: readonly (number | undefined)[];

  constructor(name: string, fields: Fields) {
    this.name = name;
    const entries = Object.entries(fields).sort((left, right) => left[1].number - right[1].number);
    this.#names = entries.map(([fieldName]) => fieldName);
    this.#fields = entries.map(([, field]) => field);
    const byNumber: (number | undefined)[] = [];
    this.#fields.forEach((field, position) => {
      byNumber[field.number] = position;
    });
    this.#byNumber = byNumber;
  }

  /** A message with the given fields and every other at its default. */
  create(fields: Partial<Shape> = {}): Shape {
    const value: Record<string, unknown> = {};
    const given = fields as Record<string, unknown>;
    for (let at = 0; at < this.#names.length; at += 1) {
      const name = this.#names[at] as string;
      const own = given[name];
      value[name] = own === undefined ? (this.#fields[at] as Field<unknown>).absent : own;
    }
    return value as Shape;
  }

  encode(value: Shape): Uint8Array {
    const writer = new WireWriter();
    this.write(writer, value);
    return writer.finish();
  }

  write(writer: WireWriter, value: Shape): void {
    const record = value as Record<string, unknown>;
    for (let at = 0; at < this.#names.length; at += 1) {
      const field = this.#fields[at] as Field<unknown>;
      const own = record[this.#names[at] as string];
      if (field.isDefault(own)) continue;
      if (field.repeated && field.packedItem === undefined) {
        for (const item of own as readonly unknown[]) {
          writer.varint(field.number * 8 + field.wireType);
          field.write(writer, item);
        }
      } else {
        writer.varint(field.number * 8 + field.wireType);
        field.write(writer, own);
      }
    }
  }

  /** @throws WireError naming the message and field that is malformed */
  decode(bytes: Uint8Array): Shape {
    return this.read(new WireReader(bytes));
  }

  read(reader: WireReader): Shape {
    const record = this.create() as Record<string, unknown>;
    while (!reader.done) {
      const tag = reader.varint();
      const number = Math.floor(tag / 8);
      const wireType = tag % 8;
      if (number === 0) throw new WireError(`${this.name}: field number 0`);
      const position = this.#byNumber[number];
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
}

/** Declares a message. */
export function message<F extends Fields>(name: string, fields: F): Message<{ readonly [K in keyof F]: ValueOf<F[K]> }> {
  return new Message(name, fields);
}

function readField(reader: WireReader, field: Field<unknown>, wireType: number, previous: unknown): unknown {
  if (field.repeated) {
    const item = field.packedItem;
    if (item !== undefined && wireType === item.wireType) {
      return [...(previous as unknown[]), item.read(reader, item.absent)];
    }
    if (wireType !== field.wireType) throw new WireError(`wire type ${wireType} where ${field.wireType} belongs`);
    if (item !== undefined) return field.read(reader, previous);
    const list = (previous as unknown[]).length === 0 ? [] : (previous as unknown[]);
    list.push(field.read(reader, undefined));
    return list;
  }
  if (wireType !== field.wireType) throw new WireError(`wire type ${wireType} where ${field.wireType} belongs`);
  return field.read(reader, previous);
}

function skip(reader: WireReader, wireType: number, name: string): void {
  switch (wireType) {
    case varintType:
      reader.uint64();
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

function scalar<T>(
  number: number,
  wireType: number,
  absent: T,
  write: (writer: WireWriter, value: T) => void,
  read: (reader: WireReader) => T,
): Field<T> {
  return { number, wireType, write, read, absent, isDefault: (value) => value === absent || value === undefined, repeated: false };
}

export const int64 = (number: number): Field<number> =>
  scalar(number, varintType, 0, (writer, value) => writer.int64(value), (reader) => reader.int64());
export const uint64 = (number: number): Field<number> =>
  scalar(number, varintType, 0, (writer, value) => writer.varint(value), (reader) => reader.varint());
export const int32 = (number: number): Field<number> =>
  scalar(number, varintType, 0, (writer, value) => writer.int64(value), (reader) => Number(BigInt.asIntN(32, reader.uint64())));
export const uint32 = (number: number): Field<number> =>
  scalar(number, varintType, 0, (writer, value) => writer.varint(value), (reader) => Number(BigInt.asUintN(32, reader.uint64())));
/** An enum: any int32, known to the declaration or not. */
export const enumeration = int32;
export const id64 = (number: number): Field<bigint> =>
  scalar(number, varintType, 0n, (writer, value) => writer.uint64(value), (reader) => reader.uint64());
export const bool = (number: number): Field<boolean> =>
  scalar(number, varintType, false, (writer, value) => writer.byte(value ? 1 : 0), (reader) => reader.uint64() !== 0n);
export const latin1 = (number: number): Field<string> =>
  scalar(number, delimitedType, '', (writer, value) => writer.latin1(value), (reader) => reader.latin1());
export const text = (number: number): Field<string> =>
  scalar(number, delimitedType, '', (writer, value) => writer.bytes(utf8Encode(value)), (reader) => utf8Decode(reader.bytes()));
export const bytes = (number: number): Field<Uint8Array> => ({
  ...scalar<Uint8Array>(number, delimitedType, noBytes, (writer, value) => writer.bytes(value), (reader) => reader.bytes()),
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
    read: (reader) => type().read(reader.part()),
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

/** A list. Scalars of varint type are written packed and read either way. */
export function repeated<T>(field: Field<T>): Field<readonly Exclude<T, undefined>[]> {
  type Item = Exclude<T, undefined>;
  const list = {
    number: field.number,
    wireType: delimitedType,
    absent: [] as readonly Item[],
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
    read: (reader, previous) => {
      const items = [...previous];
      const part = reader.part();
      while (!part.done) items.push(field.read(part, field.absent) as Item);
      return items;
    },
    packedItem: field as Field<unknown>,
  };
}

/** UTF-8 without the platform's TextEncoder, which core does not know. Lone surrogates become U+FFFD. */
export function utf8Encode(value: string): Uint8Array {
  const out: number[] = [];
  for (const char of value) {
    const code = char.codePointAt(0) as number;
    const point = code >= 0xd800 && code <= 0xdfff ? 0xfffd : code;
    if (point < 0x80) out.push(point);
    else if (point < 0x800) out.push(0xc0 | (point >> 6), 0x80 | (point & 63));
    else if (point < 0x10000) out.push(0xe0 | (point >> 12), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
    else out.push(0xf0 | (point >> 18), 0x80 | ((point >> 12) & 63), 0x80 | ((point >> 6) & 63), 0x80 | (point & 63));
  }
  return Uint8Array.from(out);
}

/** @throws WireError when the bytes are not UTF-8 */
export function utf8Decode(input: Uint8Array): string {
  let ascii = true;
  for (let at = 0; at < input.length && ascii; at += 1) ascii = (input[at] as number) < 0x80;
  if (ascii) return latin1FromBytes(input);
  let value = '';
  for (let at = 0; at < input.length; ) {
    const first = input[at] as number;
    const more = first < 0x80 ? 0 : first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1;
    let point = more === 0 ? first : first & (0x3f >> more);
    if (first >= 0x80 && (first < 0xc2 || first > 0xf4)) throw new WireError('text is not UTF-8');
    for (let count = 1; count <= more; count += 1) {
      const next = input[at + count];
      if (next === undefined || (next & 0xc0) !== 0x80) throw new WireError('text is not UTF-8');
      point = (point << 6) | (next & 63);
    }
    const smallest = [0, 0x80, 0x800, 0x10000][more] as number;
    if (point < smallest || point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) {
      throw new WireError('text is not UTF-8');
    }
    value += String.fromCodePoint(point);
    at += more + 1;
  }
  return value;
}
