import { present } from '../../base/assert.ts';
import { type Field, type Message, message, nested, repeated, text } from '../../wire/protobuf.ts';
import { WireError, type WireReader } from '../../wire/reader.ts';
import { type WireWriter } from '../../wire/writer.ts';
import { type Labels } from '../types.ts';

/** Fields that proto3's own do not give: names as enums, maps of labels, parts that are always there, and oneofs by kind. */

const varintType = 0;
const delimitedType = 2;

/** An enum whose numbers are the places of its names, from 0. A number without a name is refused. */
export function choice<const Names extends readonly string[]>(
  number: number,
  names: Names,
): Field<Names[number]> {
  const absent = present(names[0], 'a choice has names');
  return {
    number,
    wireType: varintType,
    write: (writer, value) => writer.varint(names.indexOf(value)),
    read: (reader) => {
      const position = reader.varint();
      const name = names[position];
      if (name === undefined) throw new WireError(`${position} is none of ${names.join(', ')}`);
      return name;
    },
    absent,
    isDefault: (value) => value === absent,
    repeated: false,
  };
}

const Label = message('Label', { name: text(1), value: text(2) });
const LabelList = message('Labels', { labels: repeated(nested(1, () => Label)) });
/** Every map without labels. */
const noLabels: Labels = Object.freeze({});

/** `map<string, string>`, in a message of its own. */
export function labels(number: number): Field<Labels> {
  return {
    number,
    wireType: delimitedType,
    write: (writer, value) => {
      const start = writer.begin();
      const list = Object.entries(value).map(([name, own]) => ({ name, value: own }));
      LabelList.write(writer, { labels: list });
      writer.end(start);
    },
    // `fromEntries` makes every name a field of its own, `__proto__` as well.
    read: (reader) =>
      Object.fromEntries(LabelList.read(reader.part()).labels.map(({ name, value }) => [name, value])),
    absent: noLabels,
    isDefault: (value) => Object.keys(value).length === 0,
    repeated: false,
  };
}

/** A message that is always there: one that was not sent has every field at its default. */
export function part<Shape>(number: number, type: Message<Shape>): Field<Shape> {
  return {
    number,
    wireType: delimitedType,
    write: (writer, value) => {
      const start = writer.begin();
      type.write(writer, value);
      writer.end(start);
    },
    read: (reader) => type.read(reader.part()),
    absent: type.create(),
    isDefault: () => false,
    repeated: false,
  };
}

type Members = Readonly<Record<string, Message<unknown>>>;
type ShapeOf<M> = M extends Message<infer Shape> ? Shape : never;
export type UnionOf<M extends Members> = {
  [Kind in keyof M & string]: { readonly kind: Kind } & ShapeOf<M[Kind]>;
}[keyof M & string];

/**
 * A oneof, in a message of its own: each kind's field number is its place, from 1. Nothing, or what has no place here, is refused.
 */
export function union<const M extends Members>(number: number, members: M): Field<UnionOf<M>> {
  const entries = Object.entries(members);
  const places = new Map(entries.map(([kind], position) => [kind, position]));
  const allowed = entries.map(([kind]) => kind).join(', ');
  return {
    number,
    wireType: delimitedType,
    write: (writer: WireWriter, value) => {
      const { kind } = value as { readonly kind: string };
      const position = present(places.get(kind), 'each kind has a place in its oneof');
      const [, type] = present(entries[position], 'each place has a message');
      const outer = writer.begin();
      writer.varint((position + 1) * 8 + delimitedType);
      const inner = writer.begin();
      type.write(writer, value);
      writer.end(inner);
      writer.end(outer);
    },
    read: (reader: WireReader) => {
      const whole = reader.part();
      if (whole.done) throw new WireError(`one of ${allowed} is needed`);
      const tag = whole.varint();
      const entry = entries[Math.floor(tag / 8) - 1];
      if (entry === undefined || tag % 8 !== delimitedType)
        throw new WireError(`field ${Math.floor(tag / 8)} is none of ${allowed}`);
      const [kind, type] = entry;
      const shape = type.read(whole.part()) as object;
      if (!whole.done) throw new WireError(`one of ${allowed} is allowed, and no more`);
      return { kind, ...shape } as UnionOf<M>;
    },
    absent: undefined as unknown as UnionOf<M>,
    isDefault: () => false,
    repeated: false,
  };
}
