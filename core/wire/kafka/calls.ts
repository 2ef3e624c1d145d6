import { assert } from '../../base/assert.ts';
import { WireError } from '../reader.ts';
import {
  type Api,
  type ApiName,
  apiOfKey,
  apis,
  type KafkaCall,
  type RequestOf,
  type ResponseOf,
} from './apis.ts';
import { kafkaErrors } from './error-codes.ts';
import { frameSizeBytes } from './frames.ts';
import { ApiVersionsResponse } from './messages/api-versions.ts';
import { KafkaReader } from './reader.ts';
import { type Encoded, KafkaWriter } from './writer.ts';

/**
 * Requests and responses with their headers.
 *
 * A request's header has the client's id, and in flexible versions tagged fields behind it (header version 2, else 1); a
 * response's has tagged fields in flexible versions (1, else 0), but never that of ApiVersions: a client that asks for the
 * versions does not know them yet, so that it must be able to read the answer whatever it is.
 *
 * Source: Kafka protocol guide, "Protocol requests and responses"; KIP-482, KIP-511.
 */
export type ReceivedRequest =
  | {
      readonly kind: 'call';
      readonly correlationId: number;
      /** Undefined where the header has none. */
      readonly clientId: string | undefined;
      readonly call: KafkaCall;
    }
  /** ApiVersions in a version that is not known here: it is answered with `encodeUnknownApiVersions`. */
  | { readonly kind: 'unknownApiVersions'; readonly correlationId: number; readonly version: number };

const writer = new KafkaWriter();

/**
 * Reads a request from a frame without its size. What may follow the body is ignored, as it may be from a client that
 * knows more.
 *
 * @throws WireError for an API or version that is not known here, and for what is not as its version says. The protocol has
 *   no answer to it: the connection ends.
 */
export function decodeRequest(frame: Uint8Array): ReceivedRequest {
  const reader = new KafkaReader(frame);
  const key = reader.int16();
  const version = reader.int16();
  const correlationId = reader.int32();
  const name = apiOfKey(key);
  if (name === undefined) throw new WireError(`API ${key} is not known here`);
  const { min, max, flexibleFrom, request } = anyApi(name);
  if (version < min || version > max) {
    if (name === 'apiVersions') return { kind: 'unknownApiVersions', correlationId, version };
    throw new WireError(`${name} v${version}: versions ${min} to ${max} are spoken here`);
  }
  const idLength = reader.int16();
  if (idLength < -1) throw new WireError(`a client's id of ${idLength} bytes`);
  const clientId = idLength === -1 ? undefined : reader.text(idLength);
  if (version >= flexibleFrom) skipTaggedFields(reader);
  const body = request.read(reader, version);
  return { kind: 'call', correlationId, clientId, call: { api: name, version, body } as KafkaCall };
}

export interface RequestHeading<A extends ApiName> {
  readonly api: A;
  readonly version: number;
  readonly correlationId: number;
  readonly clientId: string | undefined;
}

/**
 * A request with its size, header and body.
 *
 * @throws WireError when the body holds something that its version cannot say
 */
export function encodeRequest<A extends ApiName>(
  { api: name, version, correlationId, clientId }: RequestHeading<A>,
  body: RequestOf<A>,
): Encoded {
  const { key, flexibleFrom, request } = anyApi(name);
  return framed(() => {
    writer.int16(key);
    writer.int16(version);
    writer.int32(correlationId);
    if (clientId === undefined) writer.int16(-1);
    else writer.string(clientId);
    if (version >= flexibleFrom) writer.unsignedVarint(0);
    request.write(writer, body, version);
  });
}

export interface ResponseHeading<A extends ApiName> {
  readonly api: A;
  /** Of the request. */
  readonly version: number;
  readonly correlationId: number;
}

/**
 * A response with its size, header and body. Records are among its chunks as they were given.
 *
 * @throws WireError when the body holds something that its version cannot say
 */
export function encodeResponse<A extends ApiName>(
  { api: name, version, correlationId }: ResponseHeading<A>,
  body: ResponseOf<A>,
): Encoded {
  const { response } = anyApi(name);
  return framed(() => {
    writer.int32(correlationId);
    if (hasFlexibleResponseHeader(name, version)) writer.unsignedVarint(0);
    response.write(writer, body, version);
  });
}

/** The answer to ApiVersions in an unknown version: version 0, with what there is. */
export function encodeUnknownApiVersions(correlationId: number, offered: readonly ApiName[]): Encoded {
  const body = ApiVersionsResponse.create({
    errorCode: kafkaErrors.UNSUPPORTED_VERSION,
    apiKeys: apiVersionsOf(offered),
  });
  return encodeResponse({ api: 'apiVersions', version: 0, correlationId }, body);
}

/** What ApiVersions tells of these APIs, by key. */
export function apiVersionsOf(offered: readonly ApiName[]): ApiVersionsResponse['apiKeys'] {
  return offered
    .map((name) => ({ apiKey: apis[name].key, minVersion: apis[name].min, maxVersion: apis[name].max }))
    .sort((left, right) => left.apiKey - right.apiKey);
}

/**
 * Whose answer a frame is: the number of its request.
 *
 * @throws WireError for a frame that is too short to say
 */
export function correlationIdOf(frame: Uint8Array): number {
  return new KafkaReader(frame).int32();
}

/**
 * Reads the response to a request of this API and version from a frame without its size.
 *
 * An answer to ApiVersions that says UNSUPPORTED_VERSION is read as version 0, whatever was asked for.
 *
 * @throws WireError for what is not as its version says
 */
export function decodeResponse<A extends ApiName>(
  frame: Uint8Array,
  { api: name, version }: { readonly api: A; readonly version: number },
): { readonly correlationId: number; readonly body: ResponseOf<A> } {
  const reader = new KafkaReader(frame);
  const correlationId = reader.int32();
  if (hasFlexibleResponseHeader(name, version)) skipTaggedFields(reader);
  const { response } = anyApi(name);
  const refused =
    name === 'apiVersions' && firstInt16(frame, reader.position) === kafkaErrors.UNSUPPORTED_VERSION;
  return { correlationId, body: response.read(reader, refused ? 0 : version) as ResponseOf<A> };
}

function hasFlexibleResponseHeader(name: ApiName, version: number): boolean {
  return name !== 'apiVersions' && version >= apis[name].flexibleFrom;
}

/** An API of which nobody asks which: bodies are what their tables say. */
function anyApi(name: ApiName): Api<unknown, unknown> {
  return apis[name] as unknown as Api<unknown, unknown>;
}

function firstInt16(frame: Uint8Array, at: number): number {
  return at + 2 <= frame.length ? new KafkaReader(frame, at).int16() : 0;
}

function framed(write: () => void): Encoded {
  try {
    writer.int32(0);
    write();
    const sizeBytes = writer.lengthBytes - frameSizeBytes;
    assert(sizeBytes <= 0x7fffffff, 'the size of a frame has 31 bits');
    writer.patchFirstInt32(sizeBytes);
    return writer.take();
  } finally {
    writer.drop();
  }
}

/** Headers have none that is known here. */
function skipTaggedFields(reader: KafkaReader): void {
  const count = reader.unsignedVarint();
  for (let at = 0; at < count; at += 1) {
    reader.unsignedVarint();
    reader.skip(reader.unsignedVarint());
  }
}
