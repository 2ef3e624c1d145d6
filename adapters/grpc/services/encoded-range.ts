import { type KeyValue, RangeResponse } from '../../../core/chainfire/api/kv.ts';
import { type Codec } from '../service.ts';
import { type AnsweredPage } from './range-pages.ts';

/**
 * A large answer, of which each page was encoded when it came: what it takes is the bytes of the message, and not an object for
 * each of its keys beside them.
 */
export class EncodedRange implements RangeResponse {
  readonly header: RangeResponse['header'];
  more = false;
  count = 0;
  /** Messages that are the answer when they are read one behind the other. */
  readonly #parts: Uint8Array[] = [];
  #bytes = 0;

  constructor(header: RangeResponse['header']) {
    this.header = header;
    this.#push(RangeResponse.create({ header }));
  }

  add({ response }: AnsweredPage): void {
    this.#push(RangeResponse.create({ kvs: response.kvs }));
    this.more = response.more;
    this.count = response.count;
  }

  /** For whoever wants it in another form than encoded. */
  get kvs(): readonly KeyValue[] {
    return RangeResponse.decode(this.encode()).kvs;
  }

  encode(): Uint8Array {
    const last = RangeResponse.encode(RangeResponse.create({ more: this.more, count: this.count }));
    const whole = new Uint8Array(this.#bytes + last.length);
    let at = 0;
    for (const part of [...this.#parts, last]) {
      whole.set(part, at);
      at += part.length;
    }
    return whole;
  }

  #push(part: RangeResponse): void {
    const bytes = RangeResponse.encode(part);
    this.#parts.push(bytes);
    this.#bytes += bytes.length;
  }
}

/** For answers that may be encoded already. */
export const rangeResponseCodec: Codec<RangeResponse> = {
  name: RangeResponse.name,
  encode: (response) =>
    response instanceof EncodedRange ? response.encode() : RangeResponse.encode(response),
  decode: (bytes) => RangeResponse.decode(bytes),
};
