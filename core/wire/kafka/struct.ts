import { assert, present } from '../../base/assert.ts';
import { WireError } from '../reader.ts';
import type { KafkaReader } from './reader.ts';
import type { Codec, Form, Type } from './types.ts';
import { inRange, type VersionRange } from './versions.ts';
import type { KafkaWriter } from './writer.ts';

/** A field of a struct as the tables declare it. */
export interface Field<T> {
  readonly type: Type<unknown>;
  readonly versions: VersionRange;
  /** In which of its versions null is allowed: a program sees `undefined`. */
  readonly nullable: VersionRange;
  /** Set for what stands behind the other fields, by number, and only when it is not the default (KIP-482). */
  readonly tag: number | undefined;
  /** Whether a value that is not the default may be left out where the version has no such field. */
  readonly ignorable: boolean;
  readonly absent: T;
}

export type Fields = Readonly<Record<string, Field<unknown>>>;
export type ValueOf<F> = F extends Field<infer T> ? T : never;
export type Shape<F extends Fields> = { readonly [K in keyof F]: ValueOf<F[K]> };

interface Slot {
  readonly name: string;
  readonly codec: Codec;
}

interface TaggedSlot extends Slot {
  readonly tag: number;
  readonly field: Field<unknown>;
}

/** Fields one behind the other, in the order of their declaration; in flexible versions the tagged ones follow. */
export class StructType<S> implements Type<S> {
  readonly name = 'struct';
  readonly fields: Fields;
  readonly #names: readonly string[];
  #zero: S | undefined;

  constructor(fields: Fields) {
    this.fields = fields;
    this.#names = Object.keys(fields);
  }

  get zero(): S {
    if (this.#zero === undefined) this.#zero = Object.freeze(this.complete({}));
    return this.#zero;
  }

  complete(given: unknown): S {
    const source = given as Record<string, unknown>;
    const value: Record<string, unknown> = {};
    for (const name of this.#names) {
      const field = this.fields[name] as Field<unknown>;
      // What is given as undefined is null, or left out where there is no null.
      const own = name in source ? source[name] : field.absent;
      if (own === undefined) value[name] = nullableAnywhere(field) ? undefined : field.absent;
      else value[name] = field.type.complete(own);
    }
    return value as S;
  }

  equal(left: unknown, right: unknown): boolean {
    const one = left as Record<string, unknown>;
    const other = right as Record<string, unknown>;
    return this.#names.every((name) => {
      const field = this.fields[name] as Field<unknown>;
      return field.type.equal(one[name], other[name]);
    });
  }

  codec(form: Form): Codec {
    assert(!form.nullable, 'structs are never null');
    return new StructCodec(this.fields, form);
  }
}

/** The plan of one version: what is written and read, in which order. */
class StructCodec implements Codec {
  readonly #flexible: boolean;
  /** Every field with what it is where the version lacks it: decoded structs all have the same shape. */
  readonly #blank: readonly { readonly name: string; readonly absent: unknown; readonly codec?: Codec }[];
  readonly #plain: readonly Slot[];
  /** By ascending tag, as they are written. */
  readonly #tagged: readonly TaggedSlot[];
  /** Fields that this version lacks and whose value must not get lost. */
  readonly #unspeakable: readonly { readonly name: string; readonly field: Field<unknown> }[];
  readonly #version: number;
  readonly bytesMin: number;

  constructor(fields: Fields, { version, flexible }: Form) {
    this.#version = version;
    this.#flexible = flexible;
    const all = Object.entries(fields).map(([name, field]) => ({ name, field }));
    const here = all.filter(({ field }) => inRange(version, field.versions));
    const slots = here.map(({ name, field }) => ({
      name,
      field,
      tag: field.tag,
      codec: field.type.codec({
        version,
        flexible,
        nullable: inRange(version, field.nullable),
      }),
    }));
    this.#plain = slots.filter(({ tag }) => tag === undefined);
    this.#tagged = slots
      .filter(({ tag }) => tag !== undefined)
      .map((slot) => ({ ...slot, tag: present(slot.tag, 'a tagged field has a tag') }))
      .sort((left, right) => left.tag - right.tag);
    assert(flexible || this.#tagged.length === 0, 'only flexible versions have tagged fields');
    const plainCodecs = new Map(this.#plain.map(({ name, codec }) => [name, codec]));
    this.#blank = all.map(({ name, field }) => {
      const codec = plainCodecs.get(name);
      return { name, absent: field.absent, ...(codec === undefined ? {} : { codec }) };
    });
    this.#unspeakable = all.filter(({ field }) => !inRange(version, field.versions) && !field.ignorable);
    const least = this.#plain.reduce((sum, { codec }) => sum + codec.bytesMin, flexible ? 1 : 0);
    // Never nothing, so that a claimed number of them is bounded by the bytes that are there.
    this.bytesMin = Math.max(1, least);
  }

  write(writer: KafkaWriter, value: unknown): void {
    const record = value as Record<string, unknown>;
    for (const { name, field } of this.#unspeakable) {
      if (!field.type.equal(record[name], field.absent)) {
        throw new WireError(`${name}: version ${this.#version} cannot say it`);
      }
    }
    for (const { name, codec } of this.#plain) {
      try {
        codec.write(writer, record[name]);
      } catch (error) {
        throw named(error, name);
      }
    }
    if (this.#flexible) this.#writeTagged(writer, record);
  }

  read(reader: KafkaReader): unknown {
    const record: Record<string, unknown> = {};
    for (const { name, absent, codec } of this.#blank) {
      if (codec === undefined) {
        record[name] = absent;
        continue;
      }
      try {
        record[name] = codec.read(reader);
      } catch (error) {
        throw named(error, name);
      }
    }
    if (this.#flexible) this.#readTagged(reader, record);
    return record;
  }

  #writeTagged(writer: KafkaWriter, record: Record<string, unknown>): void {
    if (this.#tagged.length === 0) {
      writer.unsignedVarint(0);
      return;
    }
    const said = this.#tagged.filter(({ name, field }) => !isDefault(field, record[name]));
    writer.unsignedVarint(said.length);
    for (const { name, tag, codec } of said) {
      writer.unsignedVarint(tag);
      const start = writer.beginSized();
      codec.write(writer, record[name]);
      writer.endSized(start);
    }
  }

  #readTagged(reader: KafkaReader, record: Record<string, unknown>): void {
    const count = reader.unsignedVarint();
    let previous = -1;
    for (let at = 0; at < count; at += 1) {
      const tag = reader.unsignedVarint();
      if (tag <= previous) throw new WireError(`tag ${tag} comes after tag ${previous}`);
      previous = tag;
      const size = reader.unsignedVarint();
      const slot = this.#tagged.find((candidate) => candidate.tag === tag);
      if (slot === undefined) {
        reader.skip(size);
        continue;
      }
      const end = reader.narrow(size);
      try {
        record[slot.name] = slot.codec.read(reader);
      } catch (error) {
        throw named(error, slot.name);
      }
      if (reader.remaining > 0) throw new WireError(`${slot.name}: shorter than its size says`);
      reader.widen(end);
    }
  }
}

function nullableAnywhere(field: Field<unknown>): boolean {
  return field.nullable.min !== Infinity;
}

function isDefault(field: Field<unknown>, value: unknown): boolean {
  if (value === undefined || field.absent === undefined) return value === field.absent;
  return field.type.equal(value, field.absent);
}

/** The same error with the field it was met in. */
function named(error: unknown, name: string): unknown {
  return error instanceof WireError ? new WireError(`${name}: ${error.message}`) : error;
}
