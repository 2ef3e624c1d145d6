const two32 = 4_294_967_296;
const firstPrime = 0x01000193;
const secondPrime = 0x85ebca6b;

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
    if (!Number.isFinite(value)) {
      this.text(String(value));
      return;
    }
    this.#mix(value | 0);
    this.#mix(Math.trunc(value / two32) | 0);
  }

  text(value: string): void {
    const length = value.length;
    this.#mix(length | 0x20000000);
    let at = 0;
    for (; at + 1 < length; at += 2) this.#mix(value.charCodeAt(at) | (value.charCodeAt(at + 1) << 16));
    if (at < length) this.#mix(value.charCodeAt(at));
  }

  bytes(value: Uint8Array): void {
    const length = value.length;
    this.#mix(length | 0x40000000);
    let at = 0;
    for (; at + 3 < length; at += 4) {
      const low = (value[at] as number) | ((value[at + 1] as number) << 8);
      this.#mix(low | ((value[at + 2] as number) << 16) | ((value[at + 3] as number) << 24));
    }
    for (; at < length; at += 1) this.#mix(value[at] as number);
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
      const items = Object.values(value) as unknown[];
      this.#mix(items.length | 0x10000000);
      for (const item of items) this.value(item);
    }
  }

  #mix(word: number): void {
    const first = Math.imul(this.#first ^ word, firstPrime);
    this.#first = (first << 13) | (first >>> 19);
    const second = Math.imul(this.#second ^ word, secondPrime);
    this.#second = (second << 17) | (second >>> 15);
  }
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
