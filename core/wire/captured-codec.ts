import { unreachable } from '../base/assert.ts';
import { type Captured } from '../base/capture.ts';
import { WireError, type WireReader } from './reader.ts';
import { type WireWriter } from './writer.ts';

/**
 * Captured state as bytes. A value is a byte for its type, then what there is of it; integers are varints.
 *
 * Objects are nearly all of few shapes, so the names of a shape's fields are written once, where it is first met, and later
 * objects name the shape by its number. Fields keep their order, and those that are undefined stay: a machine that is put up
 * from this walks its state as the first one did.
 */
const types = {
  undefined: 0,
  false: 1,
  true: 2,
  natural: 3,
  negative: 4,
  /** Whatever is no safe integer: a time that never comes, above all. */
  float: 5,
  bigint: 6,
  negativeBigint: 7,
  /** One char a byte: keys are such, and so are most other texts. */
  latin1: 8,
  /** UTF-16, as the text is; lone surrogates come through. */
  units: 9,
  bytes: 10,
  array: 11,
  newShape: 12,
  object: 13,
} as const;

/** How deep values may nest, so that damaged input cannot exhaust the stack. */
export const capturedDepthMax = 200;

export function writeCaptured(writer: WireWriter, value: Captured): void {
  new CapturedWriter(writer).value(value, capturedDepthMax);
}

/** Bytes are views of the input. @throws WireError */
export function readCaptured(reader: WireReader): Captured {
  return new CapturedReader(reader).value(capturedDepthMax);
}

class CapturedWriter {
  readonly #writer: WireWriter;
  /** By the names of its fields, each with its length before it, so that no two lists of names are written alike. */
  readonly #shapes = new Map<string, number>();
  readonly #float = new DataView(new ArrayBuffer(8));

  constructor(writer: WireWriter) {
    this.#writer = writer;
  }

  value(value: Captured, depthLeft: number): void {
    const writer = this.#writer;
    switch (typeof value) {
      case 'undefined':
        writer.byte(types.undefined);
        break;
      case 'boolean':
        writer.byte(value ? types.true : types.false);
        break;
      case 'number':
        this.#number(value);
        break;
      case 'bigint':
        writer.byte(value < 0n ? types.negativeBigint : types.bigint);
        writer.latin1((value < 0n ? -value : value).toString(16));
        break;
      case 'string':
        this.#text(value);
        break;
      case 'object':
        this.#composite(value, depthLeft);
        break;
      default:
        unreachable(value);
    }
  }

  #number(value: number): void {
    const writer = this.#writer;
    if (!Number.isSafeInteger(value) || Object.is(value, -0)) {
      writer.byte(types.float);
      this.#float.setFloat64(0, value, true);
      for (let at = 0; at < 8; at += 1) writer.byte(this.#float.getUint8(at));
    } else if (value >= 0) {
      writer.byte(types.natural);
      writer.varint(value);
    } else {
      writer.byte(types.negative);
      writer.varint(-value);
    }
  }

  #text(value: string): void {
    const writer = this.#writer;
    if (isLatin1(value)) {
      writer.byte(types.latin1);
      writer.latin1(value);
      return;
    }
    writer.byte(types.units);
    writer.varint(value.length);
    for (let at = 0; at < value.length; at += 1) writer.varint(value.charCodeAt(at));
  }

  #composite(
    value: Exclude<Captured, undefined | boolean | number | bigint | string>,
    depthLeft: number,
  ): void {
    if (depthLeft === 0) throw new WireError('captured state is nested too deep');
    const writer = this.#writer;
    if (value instanceof Uint8Array) {
      writer.byte(types.bytes);
      writer.bytes(value);
      return;
    }
    if (isArray(value)) {
      writer.byte(types.array);
      writer.varint(value.length);
      for (const item of value) this.value(item, depthLeft - 1);
      return;
    }
    const names = Object.keys(value);
    this.#shape(names);
    for (const name of names) this.value(value[name], depthLeft - 1);
  }

  #shape(names: readonly string[]): void {
    const writer = this.#writer;
    const identity = names.map((name) => `${name.length}:${name}`).join('');
    const known = this.#shapes.get(identity);
    if (known !== undefined) {
      writer.byte(types.object);
      writer.varint(known);
      return;
    }
    this.#shapes.set(identity, this.#shapes.size);
    writer.byte(types.newShape);
    writer.varint(names.length);
    for (const name of names) writer.text(name);
  }
}

class CapturedReader {
  readonly #reader: WireReader;
  readonly #shapes: (readonly string[])[] = [];

  constructor(reader: WireReader) {
    this.#reader = reader;
  }

  value(depthLeft: number): Captured {
    if (depthLeft < 0) throw new WireError('captured state is nested too deep');
    const reader = this.#reader;
    const type = reader.byte();
    switch (type) {
      case types.undefined:
        return undefined;
      case types.false:
        return false;
      case types.true:
        return true;
      case types.natural:
        return reader.varint();
      case types.negative:
        return -reader.varint();
      case types.float:
        return this.#float();
      case types.bigint:
        return bigintOf(reader.latin1());
      case types.negativeBigint:
        return -bigintOf(reader.latin1());
      case types.latin1:
        return reader.latin1();
      case types.units:
        return this.#units();
      case types.bytes:
        return reader.bytes();
      case types.array:
        return this.#array(depthLeft);
      case types.newShape:
        return this.#object(this.#newShape(), depthLeft);
      case types.object:
        return this.#object(this.#knownShape(reader.varint()), depthLeft);
      default:
        throw new WireError(`captured state has a value of the unknown type ${type}`);
    }
  }

  #float(): number {
    const bytes = this.#reader.raw(8);
    return new DataView(bytes.buffer, bytes.byteOffset, 8).getFloat64(0, true);
  }

  #units(): string {
    let text = '';
    for (let left = this.#reader.varint(); left > 0; left -= 1) {
      const unit = this.#reader.varint();
      if (unit > 0xffff) throw new WireError('a unit of UTF-16 has 16 bits');
      text += String.fromCharCode(unit);
    }
    return text;
  }

  #array(depthLeft: number): Captured {
    const items: Captured[] = [];
    for (let left = this.#reader.varint(); left > 0; left -= 1) items.push(this.value(depthLeft - 1));
    return items;
  }

  #newShape(): readonly string[] {
    const names: string[] = [];
    for (let left = this.#reader.varint(); left > 0; left -= 1) names.push(this.#reader.text());
    this.#shapes.push(names);
    return names;
  }

  #knownShape(position: number): readonly string[] {
    const names = this.#shapes[position];
    if (names === undefined) throw new WireError('captured state names a shape that it has not described');
    return names;
  }

  #object(names: readonly string[], depthLeft: number): Captured {
    const fields: Record<string, Captured> = {};
    for (const name of names) fields[name] = this.value(depthLeft - 1);
    return fields;
  }
}

/** `Array.isArray` does not tell a readonly array from the other objects. */
function isArray(value: object): value is readonly Captured[] {
  return Array.isArray(value);
}

function isLatin1(text: string): boolean {
  let bits = 0;
  for (let at = 0; at < text.length; at += 1) bits |= text.charCodeAt(at);
  return bits <= 0xff;
}

function bigintOf(digits: string): bigint {
  if (!/^[0-9a-f]+$/.test(digits)) throw new WireError('captured state has a bigint without digits');
  return BigInt(`0x${digits}`);
}
