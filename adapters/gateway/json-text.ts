import { JsonError } from './json-error.ts';

/** A number as it was written: what has 64 bits would lose some as a JavaScript number. */
export class JsonNumber {
  readonly source: string;

  constructor(source: string) {
    this.source = source;
  }
}

/** @throws JsonError when the text is not JSON */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text, keepNumbers);
  } catch (error) {
    throw new JsonError(`not JSON: ${(error as Error).message}`);
  }
}

function keepNumbers(this: unknown, _key: string, value: unknown, context?: { source?: string }): unknown {
  return typeof value === 'number' ? new JsonNumber(context?.source ?? String(value)) : value;
}

const quote = 0x22;
const backslash = 0x5c;
const openers = new Set([0x7b, 0x5b]);
const closers = new Set([0x7d, 0x5d]);
const spaces = new Set([0x20, 0x09, 0x0a, 0x0d]);

/**
 * Cuts a stream of bytes into the JSON values that stand in it one behind the other. Finds only where values end; whether they
 * are well-formed is the parser's question.
 */
export class JsonSplitter {
  readonly #bytesMax: number;
  readonly #pieces: Buffer[] = [];
  #bytes = 0;
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Nothing but spaces since the last value. */
  #blank = true;

  /** @param bytesMax a longer value is refused */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax;
  }

  /** The values that end in this piece, as text. @throws JsonError for a value that is too long */
  push(piece: Buffer): readonly string[] {
    const values: string[] = [];
    let start = 0;
    for (let at = 0; at < piece.length; at += 1) {
      const end = this.#step(piece[at] as number);
      if (end === undefined) continue;
      const stop = end === 'behind' ? at + 1 : at;
      this.#keep(piece.subarray(start, stop));
      values.push(this.#take());
      start = stop;
      // Of a bare word this byte was not looked at as the beginning of another.
      if (end === 'before') at -= 1;
    }
    if (!this.#blank) this.#keep(piece.subarray(start));
    return values;
  }

  /** What is left when no more comes: a bare word, or a value that is cut short; undefined when there is nothing. */
  end(): string | undefined {
    return this.#blank ? undefined : this.#take();
  }

  /** Where a value ends, if one does: with this byte or before it. */
  #step(byte: number): 'behind' | 'before' | undefined {
    if (this.#inString) {
      if (this.#escaped) this.#escaped = false;
      else if (byte === backslash) this.#escaped = true;
      else if (byte === quote) {
        this.#inString = false;
        if (this.#depth === 0) return 'behind';
      }
      return undefined;
    }
    if (spaces.has(byte)) return this.#depth === 0 && !this.#blank ? 'before' : undefined;
    const beginsAnother = byte === quote || openers.has(byte);
    if (beginsAnother && this.#depth === 0 && !this.#blank) return 'before';
    this.#blank = false;
    if (byte === quote) this.#inString = true;
    else if (openers.has(byte)) this.#depth += 1;
    else if (closers.has(byte)) {
      this.#depth -= 1;
      if (this.#depth <= 0) return 'behind';
    }
    return undefined;
  }

  #keep(piece: Buffer): void {
    this.#bytes += piece.length;
    if (this.#bytes > this.#bytesMax) throw new JsonError(`a value is longer than ${this.#bytesMax} bytes`);
    this.#pieces.push(piece);
  }

  #take(): string {
    const text = Buffer.concat(this.#pieces).toString('utf8').trim();
    this.#pieces.length = 0;
    this.#bytes = 0;
    this.#depth = 0;
    this.#inString = false;
    this.#blank = true;
    return text;
  }
}
