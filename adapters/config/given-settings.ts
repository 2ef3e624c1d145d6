import { ConfigError } from './resolve.ts';
import { nearest, type ProcessSchema, type Schema, type Setting, type Settings } from './schema.ts';

/** Settings as a program gives them: as they are, or as they would stand in a configuration file. */
export type GivenSettings<S extends Schema> = {
  readonly [K in keyof Settings<S>]?: Settings<S>[K] | string | undefined;
};

/**
 * What a program gives, over the defaults, with the checks that files, environment and flags go through.
 *
 * @throws ConfigError on an unknown name, a value that is not allowed, or a required setting that is not given
 */
export function givenSettings<S extends Schema>(
  { settings }: ProcessSchema<S>,
  given: Readonly<Record<string, unknown>>,
): Settings<S> {
  const values: Record<string, unknown> = {};
  const known: ReadonlyMap<string, Setting<unknown>> = new Map(Object.entries(settings));
  for (const [name, setting] of known) values[name] = setting.default;
  for (const [name, value] of Object.entries(given)) {
    if (value === undefined) continue;
    const setting = known.get(name);
    if (setting === undefined) {
      const near = nearest(name, [...known.keys()]);
      const names =
        near === undefined ? `known are ${[...known.keys()].join(', ')}` : `did you mean ${near}?`;
      throw new ConfigError(`unknown setting ${name}; ${names}`);
    }
    const parsed = valueOf(setting, value);
    if (parsed === undefined)
      throw new ConfigError(`${name} is ${shown(value)}, it must be ${setting.type.allowed}`);
    values[name] = parsed;
  }
  for (const [name, setting] of known) {
    if (setting.required && values[name] === undefined)
      throw new ConfigError(`${name} is required; it is ${setting.type.allowed}`);
  }
  return values as Settings<S>;
}

/** Undefined when it is not allowed. */
function valueOf({ type }: Setting<unknown>, value: unknown): unknown {
  const parsed = type.fromToml(value);
  if (parsed !== undefined || typeof value !== 'object' || value === null) return parsed;
  try {
    // What the schema itself would make of a text: an address, a list of them.
    return type.parse(type.format(value));
  } catch {
    // An object of another shape altogether.
    return undefined;
  }
}

function shown(value: unknown): string {
  return (
    JSON.stringify(value, (_, part: unknown) => (typeof part === 'bigint' ? part.toString() : part)) ??
    String(value)
  );
}
