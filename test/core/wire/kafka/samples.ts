import fc from 'fast-check';

import { type ApiName, apiNames, apis } from '../../../../core/wire/kafka/apis.ts';
import { type Message } from '../../../../core/wire/kafka/schema.ts';
import { type Field, type StructType } from '../../../../core/wire/kafka/struct.ts';
import { type ListType, type Type } from '../../../../core/wire/kafka/types.ts';
import { inRange } from '../../../../core/wire/kafka/versions.ts';
import { type Encoded } from '../../../../core/wire/kafka/writer.ts';

/** Every message in every version, for tests that hold for all of them. */
export interface Sample {
  readonly api: ApiName;
  readonly version: number;
  readonly message: Message<unknown>;
  readonly title: string;
}

export const samples: readonly Sample[] = apiNames.flatMap((api) => {
  const { min, max, request, response } = apis[api];
  const versions = Array.from({ length: max - min + 1 }, (_, at) => min + at);
  return [request, response].flatMap((message) =>
    versions.map((version) => ({
      api,
      version,
      message: message as unknown as Message<unknown>,
      title: `${message.name} v${version}`,
    })),
  );
});

/** Any value of a message that this version can say: what the version lacks is at its default. */
export function anyBody({ message, version }: Pick<Sample, 'message' | 'version'>): fc.Arbitrary<unknown> {
  return anyStruct(message.struct, version);
}

function anyStruct(struct: StructType<unknown>, version: number): fc.Arbitrary<unknown> {
  const fields = Object.entries(struct.fields).map(([name, field]) => [name, anyField(field, version)]);
  return fc.record(Object.fromEntries(fields) as Record<string, fc.Arbitrary<unknown>>, {
    noNullPrototype: true,
  });
}

function anyField(field: Field<unknown>, version: number): fc.Arbitrary<unknown> {
  if (!inRange(version, field.versions)) return fc.constant(field.absent);
  const value = anyValue(field.type, version);
  return inRange(version, field.nullable)
    ? fc.oneof({ weight: 3, arbitrary: value }, { weight: 1, arbitrary: fc.constant(undefined) })
    : value;
}

function anyValue(type: Type<unknown>, version: number): fc.Arbitrary<unknown> {
  switch (type.name) {
    case 'bool':
      return fc.boolean();
    case 'int8':
      return fc.integer({ min: -128, max: 127 });
    case 'int16':
      return fc.integer({ min: -32_768, max: 32_767 });
    case 'int32':
      return fc.integer();
    case 'int64':
      return fc.maxSafeInteger();
    case 'float64':
      return fc.double({ noNaN: true });
    case 'uuid':
      return fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 32, maxLength: 32 });
    case 'string':
      return fc.string({ unit: 'grapheme', maxLength: 12 });
    case 'bytes':
    case 'records':
      return fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(new Uint8Array(2_000).fill(7)));
    case 'array':
      return fc.array(anyValue((type as ListType<unknown>).item, version), { maxLength: 3 });
    case 'struct':
      return anyStruct(type as StructType<unknown>, version);
    default:
      throw new Error(`no values of type ${type.name} here`);
  }
}

/** What was encoded, in one piece. */
export function bytesOf({ chunks, lengthBytes }: Encoded): Uint8Array {
  const bytes = new Uint8Array(lengthBytes);
  let at = 0;
  for (const chunk of chunks) {
    if (!(chunk instanceof Uint8Array)) throw new Error('only what is in memory can be joined');
    bytes.set(chunk, at);
    at += chunk.length;
  }
  if (at !== lengthBytes) throw new Error(`${at} bytes where ${lengthBytes} were told`);
  return bytes;
}

/** `'00 05 …'` for a protocol's bytes as documents print them. */
export function hex(bytes: Uint8Array): string {
  return [...bytes].map((byte) => byte.toString(16).padStart(2, '0')).join(' ');
}

/** The inverse of `hex`; whatever else stands between the digits is ignored. */
export function unhex(text: string): Uint8Array {
  return new Uint8Array((text.match(/[0-9a-f]{2}/g) ?? []).map((pair) => Number.parseInt(pair, 16)));
}
