/** A file that does not hold what it should: the message names the field, and says what is allowed there. */
export class DecodeError extends Error {
  override readonly name = 'DecodeError';
}

/** Takes what JSON gave and returns what it stands for. `path` names it: `scenario.faults[3].atUs`. @throws DecodeError */
export type Decode<T> = (value: unknown, path: string) => T;

/** Decoders of every field that an object may have; those in `optional` may be missing. */
export type FieldsOf<T> = { readonly [Field in keyof T]-?: Decode<T[Field]> };

export function text(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrong(path, 'a text', value);
  return value;
}

export function boolean(value: unknown, path: string): boolean {
  if (typeof value !== 'boolean') throw wrong(path, 'true or false', value);
  return value;
}

export function integer(least: number, most = Number.MAX_SAFE_INTEGER): Decode<number> {
  return (value, path) => {
    if (!Number.isSafeInteger(value) || (value as number) < least || (value as number) > most) {
      const upTo = most === Number.MAX_SAFE_INTEGER ? ` of ${least} or more` : ` from ${least} to ${most}`;
      throw wrong(path, `a whole number${upTo}`, value);
    }
    return value as number;
  };
}

export function number(value: unknown, path: string): number {
  if (typeof value !== 'number' || !(value >= 0)) throw wrong(path, 'a number of 0 or more', value);
  return value;
}

export function matching(pattern: RegExp, what: string): Decode<string> {
  return (value, path) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw wrong(path, what, value);
    return value;
  };
}

export function oneOf<T extends string>(words: readonly T[]): Decode<T> {
  return (value, path) => {
    if (!words.includes(value as T)) throw wrong(path, `one of ${words.join(', ')}`, value);
    return value as T;
  };
}

export function listOf<T>(
  decode: Decode<T>,
  bounds: { readonly least?: number; readonly most?: number } = {},
): Decode<readonly T[]> {
  const { least = 0, most = 100_000 } = bounds;
  return (value, path) => {
    if (!Array.isArray(value)) throw wrong(path, 'a list', value);
    if (value.length < least || value.length > most) {
      throw new DecodeError(`${path}: ${value.length} items, where ${least} to ${most} are allowed`);
    }
    return value.map((item, position) => decode(item, `${path}[${position}]`));
  };
}

/** `null` in a file stands for a field that is there and undefined: JSON has no other word for it. */
export function orUndefined<T>(decode: Decode<T>): Decode<T | undefined> {
  return (value, path) => (value === null || value === undefined ? undefined : decode(value, path));
}

/**
 * An object with these fields and no others. What the file leaves out stays out, if that is allowed: a field that is missing
 * and one that is undefined are not the same to whoever spreads the object over defaults.
 */
export function object<T>(
  fields: FieldsOf<T>,
  options: { readonly optional?: readonly (keyof T & string)[] } = {},
): Decode<T> {
  const decoders = fields as Readonly<Record<string, Decode<unknown> | undefined>>;
  const required = Object.keys(decoders).filter((field) => !options.optional?.includes(field as never));
  return (value, path) => {
    const given = plainObject(value, path);
    for (const field of required) {
      if (!Object.hasOwn(given, field)) throw new DecodeError(`${join(path, field)} is missing`);
    }
    const decoded: Record<string, unknown> = {};
    for (const [field, held] of Object.entries(given)) {
      const decode = Object.hasOwn(decoders, field) ? decoders[field] : undefined;
      if (decode === undefined) {
        throw new DecodeError(
          `${join(path, field)} is not known; allowed: ${Object.keys(decoders).join(', ')}`,
        );
      }
      decoded[field] = decode(held, join(path, field));
    }
    return decoded as T;
  };
}

/** Counts and the like by name, whatever the names. */
export function recordOf<T>(decode: Decode<T>): Decode<Readonly<Record<string, T>>> {
  return (value, path) =>
    Object.fromEntries(
      Object.entries(plainObject(value, path)).map(([field, held]) => [
        field,
        decode(held, join(path, field)),
      ]),
    );
}

export function plainObject(value: unknown, path: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, 'an object', value);
  return value as Record<string, unknown>;
}

/** @throws DecodeError when the text is no JSON */
export function parseJson(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new DecodeError(`not JSON: ${cause instanceof Error ? cause.message : String(cause)}`, { cause });
  }
}

export function wrong(path: string, allowed: string, value: unknown): DecodeError {
  const shown = (JSON.stringify(value) as string | undefined) ?? 'nothing';
  return new DecodeError(
    `${path}: ${shown.length > 60 ? `${shown.slice(0, 60)}…` : shown} is not ${allowed}`,
  );
}

function join(path: string, field: string): string {
  return path === '' ? field : `${path}.${field}`;
}
