const two32 = 4_294_967_296;
const firstPrime = 0x01000193;
const secondPrime = 0x85ebca6b;
/** An object begins and ends; a number has a second word. */
const objectTag = 0x10000000;
const endTag = 0x11000000;
const wideTag = 0x08000000;

/**
 * What a run did, in 64 bits: two lanes of multiply and rotate over a canonical walk of the values, tagged by type, so that a
 * difference anywhere differs everywhere after. Not for adversaries: it has to be cheap, since it sees every event.
 *
 * Objects are walked in the order of their properties' creation, which the code fixes; properties that are undefined count.
 */
export class RollingHash {
  #first = 0x811c9dc5 | 0;
  #second = 0x9e3779b9 | 0;

  /** 16 hex digits. */
  digest(): string {
    return hex(finish(this.#first)) + hex(finish(this.#second));
  }

  /** The low 16 bits as they are now: hardly anything, and enough to tell where two histories parted. */
  mark(): number {
    return (this.#first ^ this.#second) & 0xffff;
  }

  number(value: number): void {
    const low = value | 0;
    if (low === value) {
      this.#mix(low);
      return;
    }
    if (!Number.isFinite(value)) {
      this.text(String(value));
      return;
    }
    this.#mix(low);
    this.#mix(Math.trunc(value / two32) ^ wideTag);
  }

  text(value: string): void {
    const length = value.length;
    let first = this.#first;
    let second = this.#second;
    let word = length | 0x20000000;
    for (let at = 0; ; at += 2) {
      first = firstLane(first, word);
      second = secondLane(second, word);
      if (at >= length) break;
      word = value.charCodeAt(at);
      if (at + 1 < length) word |= value.charCodeAt(at + 1) << 16;
    }
    this.#first = first;
    this.#second = second;
  }

  bytes(value: Uint8Array): void {
    const length = value.length;
    let first = this.#first;
    let second = this.#second;
    let word = length | 0x40000000;
    for (let at = 0; ; at += 4) {
      first = firstLane(first, word);
      second = secondLane(second, word);
      if (at >= length) break;
      word = value[at] as number;
      if (at + 1 < length) word |= (value[at + 1] as number) << 8;
      if (at + 2 < length) word |= (value[at + 2] as number) << 16;
      if (at + 3 < length) word |= (value[at + 3] as number) << 24;
    }
    this.#first = first;
    this.#second = second;
  }

  /** Any plain data: numbers, texts, bytes, booleans, bigints, arrays and objects of such. */
  value(value: unknown): void {
    switch (typeof value) {
      case 'number':
        this.number(value);
        break;
      case 'string':
        this.text(value);
        break;
      case 'boolean':
        this.#mix(value ? 3 : 2);
        break;
      case 'bigint':
        this.text(value.toString());
        break;
      case 'object':
        this.#object(value);
        break;
      default:
        this.#mix(1);
    }
  }

  #object(value: object | null): void {
    if (value === null) {
      this.#mix(4);
    } else if (value instanceof Uint8Array) {
      this.bytes(value);
    } else if (Array.isArray(value)) {
      this.#mix(value.length | 0x60000000);
      for (const item of value) this.value(item);
    } else {
      this.#mix(objectTag);
      // Plain data has nothing inherited, and this spares the array that `Object.values` makes of every object.
      // eslint-disable-next-line no-restricted-syntax
      for (const name in value) this.value((value as Readonly<Record<string, unknown>>)[name]);
      this.#mix(endTag);
    }
  }

  #mix(word: number): void {
    this.#first = firstLane(this.#first, word);
    this.#second = secondLane(this.#second, word);
  }
}

function firstLane(state: number, word: number): number {
  const mixed = Math.imul(state ^ word, firstPrime);
  return (mixed << 13) | (mixed >>> 19);
}

function secondLane(state: number, word: number): number {
  const mixed = Math.imul(state ^ word, secondPrime);
  return (mixed << 17) | (mixed >>> 15);
}

/** The avalanche of MurmurHash3: every bit of the state shows in every digit. */
function finish(state: number): number {
  let word = state;
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
  return (word ^ (word >>> 16)) >>> 0;
}

function hex(word: number): string {
  return word.toString(16).padStart(8, '0');
}
