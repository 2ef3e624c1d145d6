import { assert } from '../../base/assert.ts';
import { WireError } from '../reader.ts';
import { KafkaReader } from './reader.ts';
import { type Field, type Fields, type Shape, StructType } from './struct.ts';
import {
  boolType,
  bytesType,
  type Codec,
  float64Type,
  int16Type,
  int32Type,
  int64Type,
  int8Type,
  ListType,
  type Records,
  recordsType,
  stringType,
  type Type,
  uuidType,
} from './types.ts';
import { inRange, noVersions, type VersionRange, versionRange, type Versions } from './versions.ts';
import { type Encoded, KafkaWriter } from './writer.ts';

/**
 * Kafka's messages from compact tables: a message is declared once, as data, and gives its TypeScript type, its encoder
 * and its decoder for every version.
 *
 * A field says in which versions it exists (`3+`, `0-12`), in which of them it may be null (`undefined` in a program), its
 * default where that is not the type's zero, and its tag where it is a tagged field. int8 to int64 are numbers, uuids are
 * 32 hex digits, what a version lacks decodes to its default. Unknown tagged fields are skipped.
 *
 * Source: Kafka's message definitions; KIP-482 (flexible versions).
 */
export type Infer<M> = M extends Message<infer S> ? S : never;

/** A value as a program gives it: what is left out is at its default, however deep. */
export type Partially<T> = T extends Records | string | number | boolean | undefined
  ? T
  : T extends readonly (infer Item)[]
    ? readonly Partially<Item>[]
    : { readonly [K in keyof T]?: Partially<T[K]> };

interface Options<T> {
  /** The number of a tagged field. */
  readonly tag?: number;
  /** Where the version has no such field, its value is left out without a word. */
  readonly ignorable?: true;
  readonly default?: T;
}

interface NullableOptions<T> extends Omit<Options<T>, 'default'> {
  /** In which versions null is allowed. */
  readonly nullable: Versions;
  readonly default?: T | null;
}

type AnyOptions = Partial<NullableOptions<unknown>>;

/** Something to be called that names a type. */
interface Typed<T> {
  (...given: never[]): unknown;
  readonly type: Type<T>;
}

/** Declares a field; handed to `list`, the type of its elements. */
interface FieldMaker<T> extends Typed<T> {
  (versions: Versions, options?: Options<T>): Field<T>;
  (versions: Versions, options: NullableOptions<T>): Field<T | undefined>;
}

function declared(type: Type<unknown>, versions: Versions, options: AnyOptions = {}): Field<unknown> {
  const given = options.default;
  return {
    type,
    versions: versionRange(versions),
    nullable: options.nullable === undefined ? noVersions : versionRange(options.nullable),
    tag: options.tag,
    ignorable: options.ignorable ?? false,
    absent: given === null ? undefined : (given ?? type.zero),
  };
}

function makerOf<T>(type: Type<T>): FieldMaker<T> {
  const make = (versions: Versions, options?: AnyOptions) => declared(type, versions, options);
  return Object.assign(make, { type }) as unknown as FieldMaker<T>;
}

export const bool = makerOf(boolType);
export const int8 = makerOf(int8Type);
export const int16 = makerOf(int16Type);
export const int32 = makerOf(int32Type);
export const int64 = makerOf(int64Type);
export const float64 = makerOf(float64Type);
export const string = makerOf(stringType);
export const uuid = makerOf(uuidType);
export const bytes = makerOf(bytesType);
/** Record batches: encoded from memory or named in a file, decoded as a view of the input. */
export const records = makerOf(recordsType);

type Element = Typed<unknown> | Fields;
type ValueOfElement<E> = E extends Typed<infer T> ? T : E extends Fields ? Shape<E> : never;

/** An array of a primitive type, or of structs whose fields are given. */
export function list<const E extends Element>(
  versions: Versions,
  element: E,
): Field<readonly ValueOfElement<E>[]>;
export function list<const E extends Element>(
  versions: Versions,
  options: NullableOptions<readonly ValueOfElement<E>[]>,
  element: E,
): Field<readonly ValueOfElement<E>[] | undefined>;
export function list<const E extends Element>(
  versions: Versions,
  options: Options<readonly ValueOfElement<E>[]>,
  element: E,
): Field<readonly ValueOfElement<E>[]>;
export function list(versions: Versions, first: AnyOptions | Element, second?: Element): Field<unknown> {
  const element = second ?? (first as Element);
  const item = isMaker(element) ? element.type : new StructType(element);
  return declared(new ListType(item), versions, second === undefined ? {} : (first as AnyOptions));
}

/** One struct. */
export function struct<F extends Fields>(
  versions: Versions,
  options: Options<never>,
  fields: F,
): Field<Shape<F>> {
  return declared(new StructType(fields), versions, options) as Field<Shape<F>>;
}

function isMaker(element: Element): element is Typed<unknown> {
  return typeof element === 'function';
}

/** One for all messages: what it hands out is never written to again. */
const writer = new KafkaWriter();

export class Message<S> {
  readonly name: string;
  readonly versions: VersionRange;
  /** From this version on lengths are varints and structs end in tagged fields; `Infinity` for never. */
  readonly flexibleFrom: number;
  readonly struct: StructType<S>;
  /** By version, each made when it is first used. */
  readonly #codecs = new Map<number, Codec>();

  constructor(name: string, versions: VersionRange, flexibleFrom: number, fields: Fields) {
    this.name = name;
    this.versions = versions;
    this.flexibleFrom = flexibleFrom;
    this.struct = new StructType(fields);
  }

  /** A message with the given fields and every other at its default, in the structs within it, too. */
  create(fields: Partially<S> = {} as Partially<S>): S {
    return this.struct.complete(fields);
  }

  /** @throws WireError when the value holds something that this version cannot say */
  encode(value: S, version: number): Encoded {
    try {
      this.write(writer, value, version);
      return writer.take();
    } finally {
      writer.drop();
    }
  }

  write(target: KafkaWriter, value: S, version: number): void {
    try {
      this.#codec(version).write(target, value);
    } catch (error) {
      throw this.#named(error, version);
    }
  }

  /** @throws WireError naming the message and field that is malformed, or saying how much follows the message */
  decode(input: Uint8Array, version: number): S {
    const reader = new KafkaReader(input);
    const value = this.read(reader, version);
    if (reader.remaining > 0) {
      throw new WireError(`${this.name} v${version}: ${reader.remaining} bytes follow it`);
    }
    return value;
  }

  read(reader: KafkaReader, version: number): S {
    try {
      return this.#codec(version).read(reader) as S;
    } catch (error) {
      throw this.#named(error, version);
    }
  }

  #codec(version: number): Codec {
    const known = this.#codecs.get(version);
    if (known !== undefined) return known;
    assert(inRange(version, this.versions), `${this.name} has this version`);
    const flexible = version >= this.flexibleFrom;
    const codec = this.struct.codec({ version, flexible, nullable: false });
    this.#codecs.set(version, codec);
    return codec;
  }

  #named(error: unknown, version: number): unknown {
    return error instanceof WireError ? new WireError(`${this.name} v${version}: ${error.message}`) : error;
  }
}

interface MessageVersions {
  readonly versions: Versions;
  readonly flexible: `${number}+` | 'none';
}

/** Declares a message. */
export function message<F extends Fields>(
  name: string,
  { versions, flexible }: MessageVersions,
  fields: F,
): Message<Shape<F>> {
  const flexibleFrom = flexible === 'none' ? Infinity : versionRange(flexible).min;
  return new Message(name, versionRange(versions), flexibleFrom, fields);
}
