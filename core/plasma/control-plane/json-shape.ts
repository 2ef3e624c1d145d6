import { compareKeys } from '../../base/bytes.ts';

/** What was read is not what it should be: it says where, and what is allowed there. */
export class ShapeError extends Error {
  override readonly name = 'ShapeError';
}

/** Checks a value that came from outside and gives it its type; `at` is where it stands, for people. */
export type Shape<T> = (value: unknown, at: string) => T;

export const text: Shape<string> = (value, at) => {
  if (typeof value !== 'string') throw new ShapeError(`${at} is not a text`);
  return value;
};

/** Whole, not negative, and safe to count with. */
export const count: Shape<number> = (value, at) => {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) {
    throw new ShapeError(`${at} is not a whole number from 0 to 2^53 - 1`);
  }
  return value;
};

export const flag: Shape<boolean> = (value, at) => {
  if (typeof value !== 'boolean') throw new ShapeError(`${at} is neither true nor false`);
  return value;
};

export function oneOf<const T extends string>(...allowed: readonly T[]): Shape<T> {
  return (value, at) => {
    const found = allowed.find((one) => one === value);
    if (found === undefined) throw new ShapeError(`${at} is none of ${allowed.join(', ')}`);
    return found;
  };
}

export function optional<T>(shape: Shape<T>): Shape<T | undefined> {
  return (value, at) => (value === undefined || value === null ? undefined : shape(value, at));
}

export function list<T>(shape: Shape<T>): Shape<readonly T[]> {
  return (value, at) => {
    if (!Array.isArray(value)) throw new ShapeError(`${at} is not a list`);
    return value.map((one: unknown, position) => shape(one, `${at}[${position}]`));
  };
}

/** By name, in the order of the names. */
export function table<T>(shape: Shape<T>): Shape<Readonly<Record<string, T>>> {
  return (value, at) => {
    const entries = entriesOf(value, at).toSorted(([left], [right]) => compareKeys(left, right));
    // Defines properties, so that no name is special.
    return Object.fromEntries(entries.map(([name, one]) => [name, shape(one, `${at}.${name}`)]));
  };
}

/** Exactly these fields, in this order; unknown ones are refused. */
export function object<T>(fields: { readonly [Name in keyof T]-?: Shape<T[Name]> }): Shape<T> {
  const shapes = Object.entries<Shape<unknown>>(fields as Readonly<Record<string, Shape<unknown>>>);
  const known = new Set(shapes.map(([name]) => name));
  return (value, at) => {
    const found = new Map(entriesOf(value, at));
    for (const name of found.keys()) {
      if (!known.has(name)) throw new ShapeError(`${at}.${name} is not known`);
    }
    return Object.fromEntries(
      shapes.map(([name, shape]) => [name, shape(found.get(name), `${at}.${name}`)]),
    ) as T;
  };
}

/** @throws ShapeError when it is not JSON, or not of this shape */
export function parseJson<T>(shape: Shape<T>, json: string, at: string): T {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (error) {
    throw new ShapeError(`${at} is not JSON: ${error instanceof Error ? error.message : ''}`);
  }
  return shape(value, at);
}

/** JSON in ASCII: what is beyond it is escaped. Fields that are undefined are left out. */
export function asciiJson(value: unknown): string {
  return JSON.stringify(value).replace(
    /[\u007f-\uffff]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function entriesOf(value: unknown, at: string): [string, unknown][] {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new ShapeError(`${at} is not an object`);
  }
  return Object.entries(value);
}
