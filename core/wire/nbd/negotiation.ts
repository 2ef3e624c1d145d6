import { concatBytes, noBytes } from '../../base/bytes.ts';
import { textFromUtf8, utf8FromText } from '../../base/utf8.ts';
import {
  greetingMagic,
  handshakeFlags,
  infos,
  type NbdExport,
  optionMagic,
  optionReplies,
  optionReplyMagic,
  options,
  payloadBytesMax,
  preferredBlockBytes,
  transmissionFlags,
} from './protocol.ts';

/** What a server offers. Asked while a client chooses, so a name that is found is good now. */
export interface NbdExports {
  find(name: string): NbdExport | undefined;
  /** For clients that ask what there is. */
  names(): readonly string[];
}

/** What comes of an option. */
export interface OptionAnswer {
  readonly send: Uint8Array;
  /** The export that the client has chosen: requests follow. */
  readonly chosen?: NbdExport;
  /** The connection ends, why. */
  readonly end?: string;
}

/** Names that are told to a client that asks for a list; further ones are not. */
const listedMax = 10_000;
const zeroesBytes = 124;

export function greeting(): Uint8Array {
  const bytes = new Uint8Array(18);
  const view = new DataView(bytes.buffer);
  setWords(view, 0, greetingMagic);
  setWords(view, 8, optionMagic);
  view.setUint16(16, handshakeFlags.fixedNewstyle | handshakeFlags.noZeroes);
  return bytes;
}

/** Answers one option of a client; `noZeroes`: it has said that it needs no padding. */
export function answerOption(
  option: number,
  data: Uint8Array,
  exports: NbdExports,
  client: { readonly noZeroes: boolean },
): OptionAnswer {
  switch (option) {
    case options.exportName:
      return answerExportName(data, exports, client);
    case options.abort:
      return { send: optionReply(option, optionReplies.ack, noBytes), end: 'the client has gone' };
    case options.list:
      if (data.length > 0) return { send: invalid(option, 'a list is asked for without data') };
      return { send: listOf(exports) };
    case options.info:
    case options.go:
      return answerGo(option, data, exports);
    default:
      return { send: optionReply(option, optionReplies.unsupported, noBytes) };
  }
}

/** The oldest way of choosing: a refusal has no form but the end of the connection. */
function answerExportName(
  data: Uint8Array,
  exports: NbdExports,
  client: { readonly noZeroes: boolean },
): OptionAnswer {
  const name = textFromUtf8(data);
  const chosen = name === undefined ? undefined : exports.find(name);
  if (chosen === undefined) return { send: noBytes, end: 'there is no export of that name' };
  const padding = client.noZeroes ? 0 : zeroesBytes;
  return { send: concatBytes([exportFacts(chosen), new Uint8Array(padding)]), chosen };
}

function answerGo(option: number, data: Uint8Array, exports: NbdExports): OptionAnswer {
  const asked = parseGo(data);
  if (asked === undefined) return { send: invalid(option, 'its lengths are not those of its parts') };
  const chosen = asked.name === undefined ? undefined : exports.find(asked.name);
  if (chosen === undefined) {
    const why = utf8FromText('there is no export of that name: it is closed, or its token is stale');
    return { send: optionReply(option, optionReplies.unknown, why) };
  }
  const send = concatBytes([
    optionReply(option, optionReplies.info, concatBytes([uint16(infos.export), exportFacts(chosen)])),
    optionReply(option, optionReplies.info, blockSizes()),
    optionReply(option, optionReplies.ack, noBytes),
  ]);
  return option === options.go ? { send, chosen } : { send };
}

/** @returns undefined when it is malformed; a name that is no text finds nothing */
function parseGo(data: Uint8Array): { readonly name: string | undefined } | undefined {
  if (data.length < 6) return undefined;
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  const nameBytes = view.getUint32(0);
  if (nameBytes > data.length - 6) return undefined;
  const infoCount = view.getUint16(4 + nameBytes);
  // Whatever it asks for, it is told everything that there is.
  if (data.length !== 6 + nameBytes + 2 * infoCount) return undefined;
  return { name: textFromUtf8(data.subarray(4, 4 + nameBytes)) };
}

function listOf(exports: NbdExports): Uint8Array {
  const replies: Uint8Array[] = [];
  for (const name of exports.names().slice(0, listedMax)) {
    const text = utf8FromText(name);
    const data = new Uint8Array(4 + text.length);
    new DataView(data.buffer).setUint32(0, text.length);
    data.set(text, 4);
    replies.push(optionReply(options.list, optionReplies.server, data));
  }
  replies.push(optionReply(options.list, optionReplies.ack, noBytes));
  return concatBytes(replies);
}

export function optionReply(option: number, reply: number, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(20 + data.length);
  const view = new DataView(bytes.buffer);
  setWords(view, 0, optionReplyMagic);
  view.setUint32(8, option);
  view.setUint32(12, reply);
  view.setUint32(16, data.length);
  bytes.set(data, 20);
  return bytes;
}

function invalid(option: number, why: string): Uint8Array {
  return optionReply(option, optionReplies.invalid, utf8FromText(why));
}

function exportFacts({ sizeBytes }: NbdExport): Uint8Array {
  const bytes = new Uint8Array(10);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Math.floor(sizeBytes / 0x1_0000_0000));
  view.setUint32(4, sizeBytes % 0x1_0000_0000);
  const { hasFlags, sendFlush, sendFua, sendTrim, sendWriteZeroes, canMultiConn } = transmissionFlags;
  view.setUint16(8, hasFlags | sendFlush | sendFua | sendTrim | sendWriteZeroes | canMultiConn);
  return bytes;
}

function blockSizes(): Uint8Array {
  const bytes = new Uint8Array(14);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, infos.blockSize);
  view.setUint32(2, 1);
  view.setUint32(6, preferredBlockBytes);
  view.setUint32(10, payloadBytesMax);
  return bytes;
}

function uint16(value: number): Uint8Array {
  return new Uint8Array([value >> 8, value & 0xff]);
}

function setWords(view: DataView, at: number, [high, low]: readonly [number, number]): void {
  view.setUint32(at, high);
  view.setUint32(at + 4, low);
}
