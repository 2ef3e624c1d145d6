import { type ValueType } from './values.ts';

/** One setting: the same everywhere, spelled `snake_case` in TOML, `kebab-case` as a flag, upper case in the environment. */
export interface Setting<T> {
  readonly type: ValueType<T>;
  /** One sentence, without the default and the allowed values: those are added. */
  readonly about: string;
  /** Undefined: it has to be given, unless `required` is false. */
  readonly default: T | undefined;
  readonly required: boolean;
}

export type Schema = Readonly<Record<string, Setting<unknown>>>;

/** What a schema resolves to. */
export type Settings<S extends Schema> = {
  readonly [K in keyof S]: S[K] extends Setting<infer T> ? T : never;
};

/** A schema with the names under which a process reads it. */
export interface ProcessSchema<S extends Schema> {
  /** `photon chainfire serve`. */
  readonly command: string;
  /** `PHOTON_CHAINFIRE`. */
  readonly environmentPrefix: string;
  readonly settings: S;
}

export function required<T>(type: ValueType<T>, about: string): Setting<T> {
  return { type, about, default: undefined, required: true };
}

export function optional<T>(type: ValueType<T>, about: string): Setting<T | undefined> {
  return { type: type as ValueType<T | undefined>, about, default: undefined, required: false };
}

export function withDefault<T>(type: ValueType<T>, value: T, about: string): Setting<T> {
  return { type, about, default: value, required: true };
}

/** The schema's own names are camelCase. */
export function tomlKey(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

export function flagName(name: string): string {
  return tomlKey(name).replaceAll('_', '-');
}

export function environmentName(prefix: string, name: string): string {
  return `${prefix}_${tomlKey(name).toUpperCase()}`;
}

/** Names are looked up often by mistake: the nearest known one, when it is near enough to be meant. */
export function nearest(name: string, known: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(name.length / 3)) + 1;
  for (const candidate of known) {
    const distance = editDistance(name, candidate);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein's distance. */
function editDistance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, at) => at);
  for (let at = 1; at <= left.length; at += 1) {
    const next = [at];
    for (let to = 1; to <= right.length; to += 1) {
      const replaced = (row[to - 1] ?? 0) + (left[at - 1] === right[to - 1] ? 0 : 1);
      next.push(Math.min(replaced, (row[to] ?? 0) + 1, (next[to - 1] ?? 0) + 1));
    }
    row = next;
  }
  return row[right.length] ?? 0;
}
