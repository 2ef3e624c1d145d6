import { JsonError } from './json-error.ts';
import { JsonNumber } from './json-text.ts';

/**
 * How one value of a field stands in JSON (proto3's mapping, as etcd's gateway writes it): 64-bit integers as text, bytes as
 * base64, enums by name. What is read may also be a number.
 */
export interface JsonKind<T> {
  print(value: T): unknown;
  /** @param where the field, for what the error says @throws JsonError */
  parse(json: unknown, where: string, depth: number): T;
}

const int64Max = 2n ** 63n - 1n;
const int64Min = -(2n ** 63n);
const uint64Max = 2n ** 64n - 1n;

/** A 64-bit number that a machine takes as a safe integer: beyond that the nearest, so that its own bounds say what is wrong. */
export const int64: JsonKind<number> = {
  print: String,
  parse: (json, where) => saturated(integer(json, where, int64Min, int64Max)),
};
export const uint64: JsonKind<number> = {
  print: String,
  parse: (json, where) => saturated(integer(json, where, 0n, uint64Max)),
};
/** Ids are held unsigned, whatever their field is on the wire. */
export const signedId: JsonKind<bigint> = {
  print: (value) => BigInt.asIntN(64, value).toString(),
  parse: (json, where) => BigInt.asUintN(64, integer(json, where, int64Min, int64Max)),
};
export const unsignedId: JsonKind<bigint> = {
  print: String,
  parse: (json, where) => integer(json, where, 0n, uint64Max),
};
export const uint32: JsonKind<number> = {
  print: (value) => value,
  parse: (json, where) => Number(integer(json, where, 0n, 0xffff_ffffn)),
};
export const bool: JsonKind<boolean> = {
  print: (value) => value,
  parse: (json, where) => {
    if (typeof json === 'boolean') return json;
    throw new JsonError(`${where} is ${said(json)}, it must be true or false`);
  },
};
export const text: JsonKind<string> = {
  print: (value) => value,
  parse: (json, where) => {
    if (typeof json === 'string') return json;
    throw new JsonError(`${where} is ${said(json)}, it must be a string`);
  },
};
export const base64: JsonKind<Uint8Array> = {
  print: (value) => Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64'),
  parse: (json, where) => {
    const buffer = decodeBase64(json, where);
    // Machines get plain arrays: `slice` of a Buffer is a view, theirs a copy.
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  },
};
/** Bytes that a machine has as a latin1 string: keys. */
export const base64Latin1: JsonKind<string> = {
  print: (value) => Buffer.from(value, 'latin1').toString('base64'),
  parse: (json, where) => decodeBase64(json, where).toString('latin1'),
};

/** @param names in the interface's own writing; a number outside of them is passed on as it is, both ways */
export function enumeration(type: string, names: Readonly<Record<string, number>>): JsonKind<number> {
  const nameOf = new Map(Object.entries(names).map(([name, number]) => [number, name]));
  return {
    print: (value) => nameOf.get(value) ?? value,
    parse: (json, where) => {
      if (json instanceof JsonNumber) return Number(integer(json, where, -0x8000_0000n, 0x7fff_ffffn));
      const known = typeof json === 'string' && Object.hasOwn(names, json) ? names[json] : undefined;
      if (known !== undefined) return known;
      const allowed = Object.keys(names).join(', ');
      throw new JsonError(
        `unknown value ${said(json)} for enum ${type} in ${where}; it is one of ${allowed}`,
      );
    },
  };
}

export function list<T>(item: JsonKind<T>): JsonKind<readonly T[]> {
  return {
    print: (values) => values.map((value) => item.print(value)),
    parse: (json, where, depth) => {
      if (!Array.isArray(json)) throw new JsonError(`${where} is ${said(json)}, it must be a list`);
      return json.map((value: unknown, at) => {
        if (value === null) throw new JsonError(`${where}[${at}] is null`);
        return item.parse(value, `${where}[${at}]`, depth);
      });
    },
  };
}

const textShownMax = 64;

/** What stood there, for an error message: short, and never a value of somebody's in full. */
export function said(json: unknown): string {
  if (json instanceof JsonNumber) return json.source.slice(0, textShownMax);
  if (typeof json === 'string') return JSON.stringify(json.slice(0, textShownMax));
  if (Array.isArray(json)) return 'a list';
  return typeof json === 'object' && json !== null ? 'an object' : String(json);
}

function integer(json: unknown, where: string, min: bigint, max: bigint): bigint {
  const source = json instanceof JsonNumber ? json.source : json;
  // No number of 64 bits has more than 20 characters; longer ones are not worth reading.
  if (typeof source === 'string' && source.length <= 20 && /^-?(0|[1-9][0-9]*)$/.test(source)) {
    const value = BigInt(source);
    if (value >= min && value <= max) return value;
  }
  throw new JsonError(`${where} is ${said(json)}, it must be an integer from ${min} to ${max}`);
}

function saturated(value: bigint): number {
  return Math.max(Number.MIN_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, Number(value)));
}

/** Strict, as etcd is: the standard alphabet, padded; line breaks are left out. */
function decodeBase64(json: unknown, where: string): Buffer {
  if (typeof json !== 'string')
    throw new JsonError(`${where} is ${said(json)}, it must be base64 in a string`);
  const encoded = json.includes('\n') || json.includes('\r') ? json.replace(/[\r\n]/g, '') : json;
  const padding = encoded.endsWith('==') ? 2 : encoded.endsWith('=') ? 1 : 0;
  // Node skips what does not belong: then bytes are missing.
  const decoded = Buffer.from(encoded, 'base64');
  const isWhole = encoded.length % 4 === 0 && decoded.length === (encoded.length / 4) * 3 - padding;
  if (isWhole && !/[-_]/.test(encoded)) return decoded;
  throw new JsonError(`illegal base64 data in ${where}: it takes the standard alphabet, with padding`);
}
