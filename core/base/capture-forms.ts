import { assert, InvariantError } from './assert.ts';
import { type Captured, type Links, type Pass, type Stateful, type StateForm } from './capture.ts';

/** Rises with every change after which what was captured before cannot be restored. */
export const captureFormat = 1;

type Fields = Readonly<Record<string, Captured>>;

/** Takes the state of a part down. It goes on changing; what is returned does not. */
export function captureState(part: Stateful): Captured {
  const bytes = new BytesTaken();
  const state = new RecordSink();
  part.passState(new CapturingForm(state, bytes));
  return { format: captureFormat, bytes: bytes.all, state: state.fields };
}

/** Puts it up in a part of the same build. @throws InvariantError naming what is missing, unknown or of another type */
export function restoreState(part: Stateful, captured: Captured): void {
  const root = new RecordSource(fieldsOf(captured, 'captured'), 'captured');
  const format = root.take('format');
  if (format !== captureFormat) {
    const found = typeof format === 'number' ? String(format) : describe(format);
    throw new InvariantError(`captured state is of format ${found}; this program reads ${captureFormat}`);
  }
  const bytes = root.take('bytes');
  if (!Array.isArray(bytes) || !bytes.every((item) => item instanceof Uint8Array)) {
    throw new InvariantError('captured.bytes is not a list of byte arrays');
  }
  const state = new RecordSource(fieldsOf(root.take('state'), 'captured.state'), 'captured.state');
  root.end();
  part.passState(new RestoringForm(state, bytes));
  state.end();
}

/** Byte arrays met so far, each once. */
class BytesTaken {
  readonly all: Uint8Array[] = [];
  readonly #numbers = new Map<Uint8Array, number>();

  numberOf(value: Uint8Array): number {
    let number = this.#numbers.get(value);
    if (number === undefined) {
      number = this.all.length;
      this.#numbers.set(value, number);
      this.all.push(value);
    }
    return number;
  }
}

interface Sink {
  put(name: string, value: Captured): void;
}

class RecordSink implements Sink {
  readonly fields: Record<string, Captured> = {};

  put(name: string, value: Captured): void {
    assert(!(name in this.fields), `a field has a name of its own, not ${name}`);
    this.fields[name] = value;
  }
}

/** Rows of equal fields: the names once, then the values row by row. */
class RowSink implements Sink {
  readonly names: string[] = [];
  readonly values: Captured[] = [];
  #rows = 0;
  #at = 0;

  get rows(): number {
    return this.#rows;
  }

  put(name: string, value: Captured): void {
    if (this.#rows === 0) this.names.push(name);
    else
      assert(this.names[this.#at] === name, `every item of a list has the fields of the first, not ${name}`);
    this.#at += 1;
    this.values.push(value);
  }

  begin(): void {
    assert(this.#at === 0, 'an item of a list does not refer to the list');
  }

  end(): void {
    assert(this.#at > 0 && this.#at === this.names.length, 'every item of a list has the same fields');
    this.#rows += 1;
    this.#at = 0;
  }

  get captured(): Captured {
    return { fields: this.names, values: this.values };
  }
}

class CapturingForm implements StateForm {
  readonly restores = false;
  readonly #sink: Sink;
  readonly #bytes: BytesTaken;

  constructor(sink: Sink, bytes: BytesTaken) {
    this.#sink = sink;
    this.#bytes = bytes;
  }

  number<T extends number>(name: string, value: T): T {
    this.#sink.put(name, value);
    return value;
  }

  flag(name: string, value: boolean): boolean {
    this.#sink.put(name, value);
    return value;
  }

  text(name: string, value: string): string {
    this.#sink.put(name, value);
    return value;
  }

  big(name: string, value: bigint): bigint {
    this.#sink.put(name, value);
    return value;
  }

  choice<T extends string>(name: string, value: T): T {
    this.#sink.put(name, value);
    return value;
  }

  bytes(name: string, value: Uint8Array): Uint8Array {
    this.#sink.put(name, this.#bytes.numberOf(value));
    return value;
  }

  data<T>(name: string, value: T): T {
    this.#sink.put(name, value as Captured);
    return value;
  }

  same(name: string, value: number | string): void {
    this.#sink.put(name, value);
  }

  fields<T>(name: string, pass: (form: StateForm) => T): T {
    const sink = new RecordSink();
    this.#sink.put(name, sink.fields);
    return pass(new CapturingForm(sink, this.#bytes));
  }

  object<T>(name: string, value: T, pass: Pass<T>): T {
    return this.fields(name, (form) => pass(form, value));
  }

  optional<T>(name: string, value: T | undefined, _blank: T, pass: Pass<T>): T | undefined {
    if (value !== undefined) return this.object(name, value, pass);
    this.#sink.put(name, undefined);
    return undefined;
  }

  part(name: string, part: Stateful): void {
    this.fields(name, (form) => {
      part.passState(form);
    });
  }

  list<T>(name: string, items: Iterable<T>, _blank: T, pass: Pass<T>): T[] {
    const sink = new RowSink();
    const form = new CapturingForm(sink, this.#bytes);
    const passed: T[] = [];
    for (const item of items) {
      passed.push(pass(form, item));
      sink.end();
    }
    this.#sink.put(name, sink.captured);
    return passed;
  }

  links<T extends object>(name: string, _blank: T, pass: Pass<T>): Links<T> {
    const sink = new RowSink();
    const form = new CapturingForm(sink, this.#bytes);
    const numbers = new Map<T, number>();
    this.#sink.put(name, sink.captured);
    const numberOf = (value: T): number => {
      const known = numbers.get(value);
      if (known !== undefined) return known;
      const number = sink.rows;
      numbers.set(value, number);
      sink.begin();
      pass(form, value);
      sink.end();
      return number;
    };
    const refer = (to: StateForm, field: string, value: T): T => {
      to.number(field, numberOf(value));
      return value;
    };
    return { pass: refer, each: (to, value) => refer(to, 'to', value) };
  }
}

interface Source {
  /** Where it is, for messages. */
  readonly where: string;
  take(name: string): Captured;
}

class RecordSource implements Source {
  readonly where: string;
  readonly #fields: Fields;
  readonly #taken = new Set<string>();

  constructor(fields: Fields, where: string) {
    this.#fields = fields;
    this.where = where;
  }

  take(name: string): Captured {
    if (!Object.hasOwn(this.#fields, name)) throw new InvariantError(`${this.where}.${name} is missing`);
    assert(!this.#taken.has(name), `${this.where}.${name} is read once`);
    this.#taken.add(name);
    return this.#fields[name];
  }

  end(): void {
    for (const name of Object.keys(this.#fields)) {
      if (!this.#taken.has(name)) throw new InvariantError(`${this.where}.${name} is not known`);
    }
  }
}

class RowSource implements Source {
  readonly #list: string;
  readonly #names: readonly Captured[];
  readonly #values: readonly Captured[];
  #row = 0;
  #at = 0;

  constructor(captured: Captured, where: string) {
    const { fields, values } = fieldsOf(captured, where);
    if (!Array.isArray(fields) || !Array.isArray(values))
      throw new InvariantError(`${where} is not a list: its fields and values are missing`);
    const width = fields.length;
    if (width === 0 ? values.length > 0 : values.length % width > 0)
      throw new InvariantError(`${where} has ${values.length} values for rows of ${width} fields`);
    this.#list = where;
    this.#names = fields as readonly Captured[];
    this.#values = values as readonly Captured[];
  }

  get where(): string {
    return `${this.#list}[${this.#row}]`;
  }

  get done(): boolean {
    return this.#row * this.#names.length >= this.#values.length;
  }

  take(name: string): Captured {
    const known = this.#names[this.#at];
    if (known !== name) {
      const missing = !this.#names.includes(name);
      throw new InvariantError(
        missing ? `${this.where}.${name} is missing` : `${this.where}.${String(known)} is not known`,
      );
    }
    const value = this.#values[this.#row * this.#names.length + this.#at];
    this.#at += 1;
    return value;
  }

  endRow(): void {
    if (this.#at < this.#names.length)
      throw new InvariantError(`${this.where}.${String(this.#names[this.#at])} is not known`);
    this.#at = 0;
    this.#row += 1;
  }
}

class RestoringForm implements StateForm {
  readonly restores = true;
  readonly #source: Source;
  readonly #bytes: readonly Uint8Array[];

  constructor(source: Source, bytes: readonly Uint8Array[]) {
    this.#source = source;
    this.#bytes = bytes;
  }

  number<T extends number>(name: string): T {
    const value = this.#source.take(name);
    return (typeof value === 'number' ? value : this.#mismatch(name, value, 'a number')) as T;
  }

  flag(name: string): boolean {
    const value = this.#source.take(name);
    return typeof value === 'boolean' ? value : this.#mismatch(name, value, 'true or false');
  }

  text(name: string): string {
    const value = this.#source.take(name);
    return typeof value === 'string' ? value : this.#mismatch(name, value, 'a text');
  }

  big(name: string): bigint {
    const value = this.#source.take(name);
    return typeof value === 'bigint' ? value : this.#mismatch(name, value, 'a bigint');
  }

  choice<T extends string>(name: string, _value: T, choices: readonly T[]): T {
    const value = this.#source.take(name);
    const found = choices.find((choice) => choice === value);
    return found ?? this.#mismatch(name, value, `one of ${choices.join(', ')}`);
  }

  bytes(name: string): Uint8Array {
    const value = this.#source.take(name);
    const found = typeof value === 'number' ? this.#bytes[value] : undefined;
    return found ?? this.#mismatch(name, value, 'the number of a byte array');
  }

  data<T>(name: string): T {
    return this.#source.take(name) as T;
  }

  same(name: string, value: number | string): void {
    const captured = this.#source.take(name);
    if (captured === value) return;
    this.#mismatch(name, captured, `${String(value)}, as where it is restored`);
  }

  fields<T>(name: string, pass: (form: StateForm) => T): T {
    const where = this.#path(name);
    return this.#nested(fieldsOf(this.#source.take(name), where), where, pass);
  }

  object<T>(name: string, value: T, pass: Pass<T>): T {
    return this.fields(name, (form) => pass(form, value));
  }

  optional<T>(name: string, _value: T | undefined, blank: T, pass: Pass<T>): T | undefined {
    const where = this.#path(name);
    const value = this.#source.take(name);
    if (value === undefined) return undefined;
    return this.#nested(fieldsOf(value, where), where, (form) => pass(form, blank));
  }

  part(name: string, part: Stateful): void {
    this.fields(name, (form) => {
      part.passState(form);
    });
  }

  list<T>(name: string, _items: Iterable<T>, blank: T, pass: Pass<T>): T[] {
    const where = this.#path(name);
    const source = new RowSource(this.#source.take(name), where);
    const form = new RestoringForm(source, this.#bytes);
    const items: T[] = [];
    while (!source.done) {
      items.push(pass(form, blank));
      source.endRow();
    }
    return items;
  }

  links<T extends object>(name: string, blank: T, pass: Pass<T>): Links<T> {
    const objects = this.list(name, [], blank, pass);
    const where = this.#path(name);
    const refer = (from: StateForm, field: string): T => {
      const number = from.number(field, 0 as number);
      const found = objects[number];
      if (found === undefined)
        throw new InvariantError(`${where} has ${objects.length} items; ${field} refers to ${number}`);
      return found;
    };
    return { pass: refer, each: (from) => refer(from, 'to') };
  }

  #nested<T>(fields: Fields, where: string, pass: (form: StateForm) => T): T {
    const source = new RecordSource(fields, where);
    const passed = pass(new RestoringForm(source, this.#bytes));
    source.end();
    return passed;
  }

  #path(name: string): string {
    return `${this.#source.where}.${name}`;
  }

  #mismatch(name: string, found: Captured, expected: string): never {
    throw new InvariantError(`${this.#path(name)} is ${describe(found)}, not ${expected}`);
  }
}

function fieldsOf(captured: Captured, where: string): Fields {
  if (typeof captured !== 'object' || Array.isArray(captured) || captured instanceof Uint8Array)
    throw new InvariantError(`${where} is ${describe(captured)}, not fields`);
  return captured as Fields;
}

function describe(value: Captured): string {
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return `'${value.slice(0, 40)}'`;
  if (typeof value !== 'object') return String(value);
  if (value instanceof Uint8Array) return 'a byte array';
  return Array.isArray(value) ? 'a list' : 'fields';
}
