import { assert } from '../../core/base/assert.ts';
import { type Message } from '../../core/wire/protobuf.ts';
import { wireDepthMax } from '../../core/wire/reader.ts';
import { JsonError } from './json-error.ts';
import { JsonNumber } from './json-text.ts';
import { base64, bool, int64, type JsonKind, said } from './json-kinds.ts';

/** A field's kind where its name is not the declared one in snake case. */
export interface NamedKind<T> {
  readonly name: string;
  readonly kind: JsonKind<T>;
}

export function named<T>(name: string, kind: JsonKind<T>): NamedKind<T> {
  return { name, kind };
}

/** What a field's declaration says by itself: it need not be told again. */
type SelfEvident = number | boolean | Uint8Array;
type Told<T> = JsonKind<Exclude<T, undefined>> | NamedKind<Exclude<T, undefined>>;
/**
 * What must be known of a message's fields beyond their declaration: of every string whether it is text, of every id whether
 * it is signed, and what lists and messages hold. A field that is added to the declaration and is missing here does not
 * compile.
 */
export type FieldKinds<Shape> = {
  readonly [K in keyof Shape as Shape[K] extends SelfEvident ? never : K]: Told<Shape[K]>;
} & {
  readonly [K in keyof Shape as Shape[K] extends SelfEvident ? K : never]?: Told<Shape[K]>;
};

interface JsonField {
  readonly field: string;
  /** In the interface's own writing. */
  readonly name: string;
  readonly kind: JsonKind<unknown>;
  readonly absent: unknown;
}

/** A message in JSON: fields under their names in the interface, those at their default left out. */
export interface JsonMessage<Shape> extends JsonKind<Shape> {
  /** The message's own name. */
  readonly message: string;
}

/** How deep messages may nest in one: as on the wire. */
const depthMax = wireDepthMax;

/** @param kinds a function where the message nests in itself, directly or not */
export function jsonMessage<Shape>(
  type: Message<Shape>,
  kinds: FieldKinds<Shape> | (() => FieldKinds<Shape>),
): JsonMessage<Shape> {
  let known:
    { readonly fields: readonly JsonField[]; readonly byName: ReadonlyMap<string, JsonField> } | undefined;
  const table = (): NonNullable<typeof known> => {
    if (known !== undefined) return known;
    const fields = fieldsOf(type, typeof kinds === 'function' ? kinds() : kinds);
    // Both writings are read, as etcd does.
    const byName = new Map(
      fields.flatMap((field) => [
        [field.field, field],
        [field.name, field],
      ]),
    );
    known = { fields, byName };
    return known;
  };
  return {
    message: type.name,
    print: (value) => {
      const json: Record<string, unknown> = {};
      for (const { field, name, kind, absent } of table().fields) {
        const own = (value as Record<string, unknown>)[field];
        if (own === undefined || own === absent || isEmpty(own)) continue;
        json[name] = kind.print(own);
      }
      return json;
    },
    parse: (json, where, depth) => {
      if (typeof json !== 'object' || json === null || Array.isArray(json) || json instanceof JsonNumber) {
        throw new JsonError(`${where} is ${said(json)}, it must be an object`);
      }
      if (depth > depthMax) throw new JsonError(`${where}: messages nest deeper than ${depthMax}`);
      const given: Record<string, unknown> = {};
      const { byName } = table();
      for (const [name, value] of Object.entries(json)) {
        const found = byName.get(name);
        // What is not known is left aside, as etcd does; null stands for the default.
        if (found === undefined || value === null) continue;
        given[found.field] = found.kind.parse(value, `${where}.${found.name}`, depth + 1);
      }
      return type.create(given as Partial<Shape>);
    },
  };
}

/** A message field. */
export function nested<Shape>(type: () => JsonMessage<Shape>): JsonKind<Shape> {
  return {
    print: (value) => type().print(value),
    parse: (json, where, depth) => type().parse(json, where, depth),
  };
}

/** In the order of their numbers, which is that of `create`. */
function fieldsOf<Shape>(type: Message<Shape>, kinds: FieldKinds<Shape>): readonly JsonField[] {
  const told = kinds as Readonly<Record<string, Told<unknown> | undefined>>;
  return Object.entries(type.create() as Record<string, unknown>).map(([field, absent]) => {
    const kind = told[field];
    if (kind !== undefined && 'name' in kind) return { field, absent, ...kind };
    return { field, absent, name: snakeCase(field), kind: kind ?? selfEvident(type.name, field, absent) };
  });
}

function selfEvident(message: string, field: string, absent: unknown): JsonKind<unknown> {
  if (typeof absent === 'number') return int64;
  if (typeof absent === 'boolean') return bool;
  assert(absent instanceof Uint8Array, `the declaration of ${message}.${field} says what it is`);
  return base64;
}

function isEmpty(value: unknown): boolean {
  return (Array.isArray(value) || value instanceof Uint8Array) && value.length === 0;
}

function snakeCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
