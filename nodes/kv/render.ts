import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { type KeyValue, type ResponseHeader, type ResponseOp } from '../../core/chainfire/api/kv.ts';
import { utf8Decode } from '../../core/wire/protobuf.ts';
import { WireError } from '../../core/wire/reader.ts';

/** How answers look: bytes as they are for people and pipes, JSON for programs. */
export interface RenderOptions {
  readonly json: boolean;
  readonly keysOnly?: boolean | undefined;
  readonly countOnly?: boolean | undefined;
}

export type Answer = ResponseOp;

const newline = new Uint8Array([10]);

/** Key, newline, value, newline for each key: raw bytes, as etcdctl does. */
export function renderText(answer: Answer, options: RenderOptions): readonly Uint8Array[] {
  const { responseRange, responsePut, responseDeleteRange, responseTxn } = answer;
  if (responsePut !== undefined) {
    return [line('OK'), ...(responsePut.prevKv === undefined ? [] : pair(responsePut.prevKv))];
  }
  if (responseDeleteRange !== undefined) {
    return [line(String(responseDeleteRange.deleted)), ...responseDeleteRange.prevKvs.flatMap(pair)];
  }
  if (responseRange !== undefined) {
    if (options.countOnly === true) return [line(String(responseRange.count))];
    return responseRange.kvs.flatMap((found) =>
      options.keysOnly === true ? [bytesFromLatin1(found.key), newline] : pair(found),
    );
  }
  if (responseTxn !== undefined) {
    return [
      line(responseTxn.succeeded ? 'SUCCESS' : 'FAILURE'),
      ...responseTxn.responses.flatMap((part) => [line(''), ...renderText(part, options)]),
    ];
  }
  return [];
}

/** One object; keys and values as text, or as `…_base64` where they are not UTF-8. */
export function renderJson(answer: Answer, options: RenderOptions): Record<string, unknown> {
  const { responseRange, responsePut, responseDeleteRange, responseTxn } = answer;
  if (responsePut !== undefined) {
    return {
      ...headerJson(responsePut.header),
      ...(responsePut.prevKv === undefined ? {} : { prev_kv: keyValueJson(responsePut.prevKv) }),
    };
  }
  if (responseDeleteRange !== undefined) {
    return {
      ...headerJson(responseDeleteRange.header),
      deleted: responseDeleteRange.deleted,
      prev_kvs: responseDeleteRange.prevKvs.map(keyValueJson),
    };
  }
  if (responseRange !== undefined) {
    return {
      ...headerJson(responseRange.header),
      kvs: responseRange.kvs.map(keyValueJson),
      count: responseRange.count,
      more: responseRange.more,
    };
  }
  if (responseTxn !== undefined) {
    return {
      ...headerJson(responseTxn.header),
      succeeded: responseTxn.succeeded,
      responses: responseTxn.responses.map((part) => renderJson(part, options)),
    };
  }
  return {};
}

function headerJson(header: ResponseHeader | undefined): Record<string, unknown> {
  return header === undefined ? {} : { revision: header.revision };
}

export function keyValueJson(found: KeyValue): Record<string, unknown> {
  return {
    ...bytesJson('key', bytesFromLatin1(found.key)),
    ...bytesJson('value', found.value),
    create_revision: found.createRevision,
    mod_revision: found.modRevision,
    version: found.version,
    ...(found.lease === 0n ? {} : { lease: found.lease.toString(16) }),
  };
}

export function bytesJson(name: string, bytes: Uint8Array): Record<string, string> {
  try {
    return { [name]: utf8Decode(bytes) };
  } catch (error) {
    if (!(error instanceof WireError)) throw error;
    return { [`${name}_base64`]: Buffer.from(bytes).toString('base64') };
  }
}

export function pair(found: KeyValue): readonly Uint8Array[] {
  return [bytesFromLatin1(found.key), newline, found.value, newline];
}

function line(text: string): Uint8Array {
  return Buffer.from(`${text}\n`);
}
