import { concatBytes, noBytes } from '../../../../core/base/bytes.ts';
import { utf8FromText } from '../../../../core/base/utf8.ts';

/** What a client of NBD says, for tests of servers: written down from the protocol's document, not from the server's code. */
export const flags = (value = 3): Uint8Array => uint32(value);

export function option(number: number, data: Uint8Array = noBytes, lengthBytes = data.length): Uint8Array {
  return concatBytes([utf8FromText('IHAVEOPT'), uint32(number), uint32(lengthBytes), data]);
}

export function go(name: string, number = 7): Uint8Array {
  const text = utf8FromText(name);
  return option(number, concatBytes([uint32(text.length), text, new Uint8Array([0, 0])]));
}

export interface RequestParts {
  readonly flags?: number;
  readonly handle?: number;
  readonly at?: number;
  readonly length?: number;
  readonly data?: Uint8Array;
}

export function request(type: number, parts: RequestParts = {}): Uint8Array {
  const { at = 0, length = parts.data?.length ?? 0, data = noBytes } = parts;
  return concatBytes([
    uint32(0x2560_9513),
    new Uint8Array([0, parts.flags ?? 0, type >> 8, type & 0xff]),
    handle(parts.handle ?? 1),
    uint32(Math.floor(at / 2 ** 32)),
    uint32(at % 2 ** 32),
    uint32(length),
    data,
  ]);
}

export function handle(number: number): Uint8Array {
  return concatBytes([uint32(0xabcd_ef01), uint32(number)]);
}

export function uint32(value: number): Uint8Array {
  return new Uint8Array([value >>> 24, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff]);
}

/** What a reply to a request begins with: magic, error, handle. */
export function reply(error: number, number = 1): Uint8Array {
  return concatBytes([uint32(0x6744_6698), uint32(error), handle(number)]);
}

/** A reply to an option. */
export function optionReply(number: number, type: number, data: Uint8Array = noBytes): Uint8Array {
  const magic = [uint32(0x0003_e889), uint32(0x0455_65a9)];
  return concatBytes([...magic, uint32(number), uint32(type), uint32(data.length), data]);
}
