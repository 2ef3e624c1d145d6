import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';

import { apiNames, apis } from '../../../../core/wire/kafka/apis.ts';
import { type Field, type Fields, type StructType } from '../../../../core/wire/kafka/struct.ts';
import { type ListType, type Type } from '../../../../core/wire/kafka/types.ts';
import {
  inRange,
  noVersions,
  type VersionRange,
  versionRange,
} from '../../../../core/wire/kafka/versions.ts';

/** Where Kafka's own message definitions lie, as JSON; elsewhere: the environment says. */
const directory =
  process.env['PHOTON_KAFKA_MESSAGES'] ??
  fileURLToPath(new URL('../../../../../shared/data/kafka-messages', import.meta.url));

interface DefinedField {
  readonly name: string;
  readonly type: string;
  readonly versions: string;
  readonly nullableVersions?: string;
  readonly taggedVersions?: string;
  readonly tag?: number;
  readonly default?: string;
  readonly ignorable?: boolean;
  readonly fields?: readonly DefinedField[];
}

interface Definition {
  readonly apiKey: number;
  readonly validVersions: string;
  readonly flexibleVersions: string;
  readonly fields: readonly DefinedField[];
  readonly commonStructs?: readonly { readonly name: string; readonly fields: readonly DefinedField[] }[];
}

/** A field in one version, in words that both sides can be brought to. */
interface Told {
  readonly name: string;
  readonly type: string;
  readonly nullable: boolean;
  readonly tag: number | undefined;
  readonly fields: readonly Told[] | undefined;
}

/** A field's default and whether it may be left out: the same in all versions. */
type Manner = readonly [path: string, absent: unknown, ignorable: boolean];

const primitives = [
  'bool',
  'int8',
  'int16',
  'int32',
  'int64',
  'float64',
  'string',
  'uuid',
  'bytes',
  'records',
];

function range(text: string | undefined): VersionRange {
  return text === undefined || text === 'none' ? noVersions : versionRange(text as `${number}`);
}

function smallFirst(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

class Definitions {
  readonly #commons: ReadonlyMap<string, readonly DefinedField[]>;
  readonly definition: Definition;

  constructor(name: string) {
    this.definition = JSON.parse(readFileSync(join(directory, `${name}.json`), 'utf8')) as Definition;
    this.#commons = new Map(
      (this.definition.commonStructs ?? []).map((common) => [common.name, common.fields]),
    );
  }

  told(version: number, fields = this.definition.fields): readonly Told[] {
    return fields
      .filter((field) => inRange(version, range(field.versions)))
      .map((field) => {
        const item = field.type.replace('[]', '');
        const inner = this.#fieldsOf(field);
        return {
          name: smallFirst(field.name),
          type: `${field.type.startsWith('[]') ? '[]' : ''}${inner === undefined ? item : 'struct'}`,
          nullable: inRange(version, range(field.nullableVersions)),
          tag: inRange(version, range(field.taggedVersions)) ? field.tag : undefined,
          fields: inner === undefined ? undefined : this.told(version, inner),
        };
      });
  }

  /** Of the fields that any version up to this one has. */
  manners(versions: VersionRange, path = '', fields = this.definition.fields): readonly Manner[] {
    return fields.flatMap((field) => {
      const own = range(field.versions);
      if (own.min > versions.max || own.max < versions.min) return [];
      const name = `${path}${smallFirst(field.name)}`;
      const inner = this.#fieldsOf(field);
      const manner: Manner[] = [[name, absentOf(field, inner), field.ignorable ?? false]];
      return [...manner, ...(inner === undefined ? [] : this.manners(versions, `${name}.`, inner))];
    });
  }

  #fieldsOf(field: DefinedField): readonly DefinedField[] | undefined {
    const item = field.type.replace('[]', '');
    return primitives.includes(item) ? undefined : (field.fields ?? this.#commons.get(item));
  }
}

function absentOf(field: DefinedField, inner: readonly DefinedField[] | undefined): unknown {
  if (field.default === 'null') return undefined;
  if (field.type.startsWith('[]')) return [];
  if (inner !== undefined) return 'struct';
  switch (field.type) {
    case 'string':
      return field.default ?? '';
    case 'bool':
      return field.default === 'true';
    case 'uuid':
      return '0'.repeat(32);
    case 'bytes':
    case 'records':
      return new Uint8Array(0);
    default:
      return Number(field.default ?? 0);
  }
}

function ownTold(fields: Fields, version: number): readonly Told[] {
  return Object.entries(fields)
    .filter(([, field]) => inRange(version, field.versions))
    .map(([name, field]) => {
      const inner = ownInner(field);
      return {
        name,
        type: ownTypeName(field.type),
        nullable: inRange(version, field.nullable),
        tag: field.tag,
        fields: inner === undefined ? undefined : ownTold(inner, version),
      };
    });
}

function ownManners(fields: Fields, path = ''): readonly Manner[] {
  return Object.entries(fields).flatMap(([name, field]) => {
    const inner = ownInner(field);
    const absent = field.type.name === 'struct' ? 'struct' : field.absent;
    const manner: Manner[] = [[`${path}${name}`, absent, field.ignorable]];
    return [...manner, ...(inner === undefined ? [] : ownManners(inner, `${path}${name}.`))];
  });
}

function ownTypeName(type: Type<unknown>): string {
  return type.name === 'array' ? `[]${(type as ListType<unknown>).item.name}` : type.name;
}

function ownInner(field: Field<unknown>): Fields | undefined {
  const type = field.type.name === 'array' ? (field.type as ListType<unknown>).item : field.type;
  return type.name === 'struct' ? (type as StructType<unknown>).fields : undefined;
}

const found = existsSync(directory);
if (!found) console.warn(`not compared with Kafka's definitions: there are none in ${directory}`);

describe.skipIf(!found)('the tables are what the protocol defines', () => {
  const messages = apiNames.flatMap((api) => [
    { api, message: apis[api].request, kind: 'request' },
    { api, message: apis[api].response, kind: 'response' },
  ]);

  test.each(messages)('$message.name', ({ api, message }) => {
    const definitions = new Definitions(message.name);
    const { definition } = definitions;
    expect(definition.apiKey).toBe(apis[api].key);
    expect(range(definition.flexibleVersions).min).toBe(message.flexibleFrom);
    const valid = range(definition.validVersions);
    for (let version = message.versions.min; version <= message.versions.max; version += 1) {
      expect(inRange(version, valid)).toBe(true);
      expect(ownTold(message.struct.fields, version)).toEqual(definitions.told(version));
    }
    expect(ownManners(message.struct.fields)).toEqual(definitions.manners(message.versions));
  });
});
