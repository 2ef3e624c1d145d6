import { type Address, formatAddress, parseAddress } from './address.ts';

/**
 * What a setting may hold: how it is read from text (flags, environment), from TOML, and how it is described to people.
 */
export interface ValueType<T> {
  /** Placeholder in `--help`: `<host:port>`. */
  readonly placeholder: string;
  /** A sentence part for errors and the reference page: `an integer from 1 to 65535`. */
  readonly allowed: string;
  /** @returns undefined when the text is not an allowed value */
  parse(text: string): T | undefined;
  /** @param value as TOML gave it; @returns undefined when it is not an allowed value */
  fromToml(value: unknown): T | undefined;
  format(value: T): string;
}

/** A type whose TOML form is a string. */
function textual<T>(
  placeholder: string,
  allowed: string,
  parse: (text: string) => T | undefined,
  format: (value: T) => string,
): ValueType<T> {
  return {
    placeholder,
    allowed,
    parse,
    fromToml: (value) => (typeof value === 'string' ? parse(value) : undefined),
    format,
  };
}

export function text(options: { placeholder: string; allowed: string; pattern: RegExp }): ValueType<string> {
  return textual(
    options.placeholder,
    options.allowed,
    (value) => (options.pattern.test(value) ? value : undefined),
    (value) => value,
  );
}

export function path(): ValueType<string> {
  return textual(
    '<path>',
    'a path',
    (value) => (value === '' || value.includes('\0') ? undefined : value),
    (value) => value,
  );
}

export function oneOf<const Values extends readonly string[]>(values: Values): ValueType<Values[number]> {
  return textual(
    `<${values.join('|')}>`,
    `one of ${values.join(', ')}`,
    (value) => (values.includes(value) ? (value as Values[number]) : undefined),
    (value) => value,
  );
}

export function bool(): ValueType<boolean> {
  const words: Readonly<Record<string, boolean>> = { true: true, false: false };
  return {
    placeholder: '<true|false>',
    allowed: 'true or false',
    parse: (value) => (Object.hasOwn(words, value) ? words[value] : undefined),
    fromToml: (value) => (typeof value === 'boolean' ? value : undefined),
    format: String,
  };
}

/** A decimal integer; `unit` is for the reader only, it is part of the setting's name. */
export function integer(options: { min: number; max: number; unit?: string }): ValueType<number> {
  const { min, max } = options;
  const within = (value: number): number | undefined =>
    Number.isSafeInteger(value) && value >= min && value <= max ? value : undefined;
  const unit = options.unit === undefined ? '' : ` ${options.unit}`;
  return {
    placeholder: `<${options.unit ?? 'integer'}>`,
    allowed: `an integer from ${min} to ${max}${unit}`,
    parse: (value) => (/^-?[0-9]+$/.test(value) ? within(Number(value)) : undefined),
    fromToml: (value) => {
      if (typeof value === 'bigint') return within(Number(value));
      return typeof value === 'number' ? within(value) : undefined;
    },
    format: String,
  };
}

export function address(): ValueType<Address> {
  return textual(
    '<host:port>',
    'an address host:port (an IPv6 host in brackets)',
    parseAddress,
    formatAddress,
  );
}

/** `host:port,host:port`: each once. In TOML also a list. */
export function addresses(options: { readonly countMax: number }): ValueType<readonly Address[]> {
  const { countMax } = options;
  const collect = (texts: readonly unknown[]): readonly Address[] | undefined => {
    const found = new Map<string, Address>();
    for (const text of texts) {
      const parsed = typeof text === 'string' ? parseAddress(text) : undefined;
      if (parsed === undefined || parsed.port === 0) return undefined;
      found.set(formatAddress(parsed), parsed);
    }
    return found.size === texts.length && texts.length <= countMax ? [...found.values()] : undefined;
  };
  const parse = (value: string): readonly Address[] | undefined => collect(value.split(','));
  return {
    placeholder: '<host:port,…>',
    allowed: `a list host:port,host:port of 1 to ${countMax} addresses, each once (in TOML also a list of strings)`,
    parse,
    fromToml: (value) => {
      if (typeof value === 'string') return parse(value);
      return Array.isArray(value) && value.length > 0 ? collect(value) : undefined;
    },
    format: (value) => value.map(formatAddress).join(','),
  };
}

export interface NamedAddress extends Address {
  readonly name: string;
}

/** Names of members: what goes into file names, metrics and URLs without escapes. */
export const memberNamePattern = /^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$/;

/** `a=host:port,b=host:port`: each name and each address once. In TOML also a table of name to address. */
export function namedAddresses(): ValueType<readonly NamedAddress[]> {
  const collect = (pairs: readonly (readonly [string, string])[]): readonly NamedAddress[] | undefined => {
    const seen = new Map<string, NamedAddress>();
    const addresses = new Set<string>();
    for (const [name, where] of pairs) {
      const parsed = parseAddress(where);
      if (parsed === undefined || parsed.port === 0 || !memberNamePattern.test(name) || seen.has(name))
        return undefined;
      addresses.add(formatAddress(parsed));
      seen.set(name, { name, ...parsed });
    }
    // Two members cannot listen on one address: one of the two would call itself for ever.
    if (addresses.size < seen.size) return undefined;
    return seen.size === 0 ? undefined : [...seen.values()];
  };
  const parse = (value: string): readonly NamedAddress[] | undefined =>
    collect(
      value.split(',').map((part) => {
        const at = part.indexOf('=');
        return at < 0 ? ['', ''] : [part.slice(0, at).trim(), part.slice(at + 1)];
      }),
    );
  return {
    placeholder: '<name=host:port,…>',
    allowed:
      'a list name=host:port,name=host:port with each name and each address once (in TOML also a table name = "host:port")',
    parse,
    fromToml: (value) => {
      if (typeof value === 'string') return parse(value);
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return undefined;
      return collect(
        Object.entries(value).map(([name, where]) => [name, typeof where === 'string' ? where : '']),
      );
    },
    format: (value) => value.map((member) => `${member.name}=${formatAddress(member)}`).join(','),
  };
}
