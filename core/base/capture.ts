/**
 * What a machine's state is written as when it is captured: data without behaviour, so that any encoder can carry it.
 * Whatever is captured must not change afterwards; a machine hands out copies of what it goes on changing.
 *
 * An encoder keeps what is here: `undefined` apart from a field that is not there, the order of fields, infinities.
 */
export type Captured =
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | readonly Captured[]
  | { readonly [field: string]: Captured };

/** A machine whose whole state can be taken down, and put up again elsewhere: restore, then continue equals continue. */
export interface Capturable {
  capture(): Captured;
}

/**
 * A form that state goes through, either way: filled in where a machine is captured, read out where it is restored. Each
 * method takes a field as it is and returns it as it is to be, so that one line a field serves both ways:
 *
 *     this.#seq = form.number('seq', this.#seq);
 *
 * Reading out throws an `InvariantError` that names the field which is missing, unknown or of another type.
 */
export interface StateForm {
  /** True where a machine is restored: the values that are passed count for nothing then. */
  readonly restores: boolean;
  number<T extends number>(name: string, value: T): T;
  flag(name: string, value: boolean): boolean;
  text(name: string, value: string): string;
  big(name: string, value: bigint): bigint;
  /** One of a few texts. */
  choice<T extends string>(name: string, value: T, choices: readonly T[]): T;
  /** Bytes that nobody changes. One array in several places is one array in several places afterwards. */
  bytes(name: string, value: Uint8Array): Uint8Array;
  /** Plain data that nobody changes, as it is. */
  data<T>(name: string, value: T): T;
  /** What the ports or the configuration say also: must be the same where the machine is restored. */
  same(name: string, value: number | string): void;
  /** Fields within fields: of a part, of a value that is made of them. */
  fields<T>(name: string, pass: (form: StateForm) => T): T;
  object<T>(name: string, value: T, pass: Pass<T>): T;
  /** @param blank stands for a value where there is none to pass */
  optional<T>(name: string, value: T | undefined, blank: T, pass: Pass<T>): T | undefined;
  /** A part that changes itself. */
  part(name: string, part: Stateful): void;
  /** Items in their order, all with the same fields. @returns a new array */
  list<T>(name: string, items: Iterable<T>, blank: T, pass: Pass<T>): T[];
  /** Objects that several places of the state refer to: each is written once, and is one object afterwards. */
  links<T extends object>(name: string, blank: T, pass: Pass<T>): Links<T>;
}

/** Passes a value's fields. Where it restores, it makes the value of what comes back. */
export type Pass<T> = (form: StateForm, value: T) => T;

/** State that goes through a form, and is changed in place. */
export interface Stateful {
  passState(form: StateForm): void;
}

export interface Links<T extends object> {
  /** A reference as a field. */
  pass(form: StateForm, name: string, value: T): T;
  /** For lists of references. */
  readonly each: Pass<T>;
}

/** A map's entries in their order; filled in place. */
export function passMap<K, V>(
  form: StateForm,
  name: string,
  map: Map<K, V>,
  how: { readonly blank: readonly [K, V]; readonly pass: Pass<readonly [K, V]> },
): void {
  const entries = form.list<readonly [K, V]>(name, map, how.blank, how.pass);
  if (!form.restores) return;
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

/** A set's items in their order; filled in place. */
export function passSet<T>(form: StateForm, name: string, set: Set<T>, blank: T, pass: Pass<T>): void {
  const items = form.list(name, set, blank, pass);
  if (!form.restores) return;
  set.clear();
  for (const item of items) set.add(item);
}

/** An array that stays the same one. */
export function passArray<T>(form: StateForm, name: string, array: T[], blank: T, pass: Pass<T>): void {
  const items = form.list(name, array, blank, pass);
  if (!form.restores) return;
  array.length = 0;
  for (const item of items) array.push(item);
}

/** For lists of numbers. */
export function passNumber<T extends number>(form: StateForm, value: T): T {
  return form.number('value', value);
}

/** For lists of texts. */
export function passText(form: StateForm, value: string): string {
  return form.text('value', value);
}
