import {
  environmentName,
  flagName,
  type ProcessSchema,
  type Schema,
  type Setting,
  tomlKey,
} from './schema.ts';

/** What people read of a schema: the lines of `--help` and the reference page. */
export interface FlagHelp {
  /** `--data-dir <path>`. */
  readonly flags: string;
  readonly about: string;
  readonly name: string;
}

export function flagHelp(schema: Schema): readonly FlagHelp[] {
  return Object.entries(schema).map(([name, setting]) => ({
    name,
    flags: `--${flagName(name)} ${setting.type.placeholder}`,
    about: `${setting.about} (${condition(setting)})`,
  }));
}

function condition(setting: Setting<unknown>): string {
  if (setting.default !== undefined) return `default: ${setting.type.format(setting.default)}`;
  return setting.required ? 'required' : 'optional';
}

/** A page of Markdown, one section a setting. */
export function referencePage(process: ProcessSchema<Schema>, introduction: string): string {
  const lines = [`# Configuration of \`${process.command}\``, '', introduction, ''];
  lines.push(
    'Each setting can be given in four places; a later one wins: its default, the TOML file named by `--config`, the',
    'environment, a flag. An unknown key or a value that is not allowed is an error, never ignored.',
    '',
  );
  for (const [name, setting] of Object.entries(process.settings)) {
    lines.push(
      `## ${tomlKey(name)}`,
      '',
      `${setting.about}.`,
      '',
      `- flag: \`--${flagName(name)}\``,
      `- environment: \`${environmentName(process.environmentPrefix, name)}\``,
      `- allowed: ${setting.type.allowed}`,
      setting.default === undefined
        ? `- ${setting.required ? 'required' : 'optional'}`
        : `- default: \`${setting.type.format(setting.default)}\``,
      '',
    );
  }
  return `${lines.join('\n').trimEnd()}\n`;
}
