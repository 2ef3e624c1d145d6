import { parse as parseToml, TomlError } from 'smol-toml';

import {
  environmentName,
  flagName,
  nearest,
  type ProcessSchema,
  type Schema,
  type Setting,
  type Settings,
  tomlKey,
} from './schema.ts';

/** A setting that cannot be used. The message names the key, where it came from, and what is allowed. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export interface ConfigSources {
  /** Content of the configuration file, and its name for errors. */
  readonly file?: { readonly name: string; readonly content: string } | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Given flags by their schema name (camelCase). */
  readonly flags: Readonly<Record<string, string | undefined>>;
  /** Environment names that share the prefix and belong to someone else (`PHOTON_CHAINFIRE_CONFIG`). */
  readonly environmentReserved?: readonly string[];
}

/**
 * Defaults < file < environment < flags.
 *
 * @throws ConfigError on an unknown key, a value that is not allowed, or a required setting that nobody gives
 */
export function resolveSettings<S extends Schema>(
  process: ProcessSchema<S>,
  sources: ConfigSources,
): Settings<S> {
  const values: Record<string, unknown> = {};
  const entries: readonly (readonly [string, Setting<unknown>])[] = Object.entries(process.settings);
  for (const [name, setting] of entries) values[name] = setting.default;
  applyFile(entries, sources, values);
  applyEnvironment(process, entries, sources, values);
  applyFlags(entries, sources, values);
  for (const [name, setting] of entries) {
    if (setting.required && values[name] === undefined) {
      throw new ConfigError(
        `${tomlKey(name)} is required: give --${flagName(name)} ${setting.type.placeholder}, ` +
          `${environmentName(process.environmentPrefix, name)} or ${tomlKey(name)} in the configuration file; it is ${setting.type.allowed}`,
      );
    }
  }
  return values as Settings<S>;
}

type Entries = readonly (readonly [string, Setting<unknown>])[];

function applyFile(entries: Entries, sources: ConfigSources, values: Record<string, unknown>): void {
  if (sources.file === undefined) return;
  const { name: fileName, content } = sources.file;
  let table: Record<string, unknown>;
  try {
    table = parseToml(content, { integersAsBigInt: 'asNeeded' });
  } catch (error) {
    if (!(error instanceof TomlError)) throw error;
    throw new ConfigError(
      `${fileName} is not TOML: ${error.message.split('\n')[0] ?? ''} (line ${error.line}, column ${error.column})`,
      {
        cause: error,
      },
    );
  }
  const byKey = new Map(entries.map(([name, setting]) => [tomlKey(name), { name, setting }]));
  for (const [key, value] of Object.entries(table)) {
    const known = byKey.get(key);
    if (known === undefined) throw unknown(`key ${key} in ${fileName}`, key, [...byKey.keys()]);
    const parsed = known.setting.type.fromToml(value);
    if (parsed === undefined) throw notAllowed(`${key} in ${fileName}`, value, known.setting);
    values[known.name] = parsed;
  }
}

function applyEnvironment(
  process: ProcessSchema<Schema>,
  entries: Entries,
  sources: ConfigSources,
  values: Record<string, unknown>,
): void {
  const prefix = `${process.environmentPrefix}_`;
  const byName = new Map(
    entries.map(([name, setting]) => [environmentName(process.environmentPrefix, name), { name, setting }]),
  );
  for (const [key, value] of Object.entries(sources.environment)) {
    if (!key.startsWith(prefix) || value === undefined) continue;
    const known = byName.get(key);
    if (known === undefined) {
      if (sources.environmentReserved?.includes(key) === true) continue;
      throw unknown(`environment variable ${key}`, key, [...byName.keys()]);
    }
    const parsed = known.setting.type.parse(value);
    if (parsed === undefined) throw notAllowed(`environment variable ${key}`, value, known.setting);
    values[known.name] = parsed;
  }
}

function applyFlags(entries: Entries, sources: ConfigSources, values: Record<string, unknown>): void {
  const byName = new Map(entries);
  for (const [name, value] of Object.entries(sources.flags)) {
    if (value === undefined) continue;
    const setting = byName.get(name);
    if (setting === undefined) throw unknown(`flag --${flagName(name)}`, name, [...byName.keys()]);
    const parsed = setting.type.parse(value);
    if (parsed === undefined) throw notAllowed(`flag --${flagName(name)}`, value, setting);
    values[name] = parsed;
  }
}

function unknown(what: string, name: string, known: readonly string[]): ConfigError {
  const near = nearest(name, known);
  return new ConfigError(
    near === undefined
      ? `unknown ${what}; known are ${known.join(', ')}`
      : `unknown ${what}; did you mean ${near}?`,
  );
}

function notAllowed(what: string, value: unknown, setting: Setting<unknown>): ConfigError {
  const shown = JSON.stringify(value, (_, part: unknown) =>
    typeof part === 'bigint' ? part.toString() : part,
  );
  return new ConfigError(`${what} is ${shown}, it must be ${setting.type.allowed}`);
}
