import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { type KeyValue } from '../../core/chainfire/api/kv.ts';
import { utf8Decode } from '../../core/wire/protobuf.ts';
import { WireError } from '../../core/wire/reader.ts';
import { ChainfireError } from './errors.ts';

/** A key with its value and its place in history. `key` and `value` are text; the bytes are beside them. */
export class Entry {
  readonly #found: KeyValue;

  constructor(found: KeyValue) {
    this.#found = found;
  }

  /** @throws ChainfireError NOT_TEXT when it is not UTF-8 */
  get key(): string {
    return text(this.keyBytes, 'the key');
  }

  get keyBytes(): Uint8Array {
    return bytesFromLatin1(this.#found.key);
  }

  /** @throws ChainfireError NOT_TEXT when it is not UTF-8 */
  get value(): string {
    return text(this.#found.value, 'the value');
  }

  /** A view of what was received: copy what is kept long. */
  get valueBytes(): Uint8Array {
    return this.#found.value;
  }

  /** Writes since the key was created, that one included; 0 in the event of a deletion. */
  get version(): number {
    return this.#found.version;
  }

  get createRevision(): number {
    return this.#found.createRevision;
  }

  /** The revision of the last write; of a deletion its own. */
  get modRevision(): number {
    return this.#found.modRevision;
  }

  /** 0n: none. */
  get lease(): bigint {
    return this.#found.lease;
  }
}

export function entryOf(found: KeyValue | undefined): Entry | undefined {
  return found === undefined ? undefined : new Entry(found);
}

function text(bytes: Uint8Array, what: string): string {
  try {
    return utf8Decode(bytes);
  } catch (cause) {
    if (!(cause instanceof WireError)) throw cause;
    throw new ChainfireError('failed', 'NOT_TEXT', `${what} is not UTF-8; take its bytes`, { cause });
  }
}
