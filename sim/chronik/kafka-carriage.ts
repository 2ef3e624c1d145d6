import { concatBytes } from '../../core/base/bytes.ts';
import { type SegmentReader } from '../../core/storage/segment-files.ts';
import { type ApiName, apis, type KafkaCall, type ResponseOf } from '../../core/wire/kafka/apis.ts';
import { type FetchResponse } from '../../core/wire/kafka/messages/fetch.ts';
import { type Message } from '../../core/wire/kafka/schema.ts';
import { WireError } from '../../core/wire/reader.ts';
import { Violation } from '../types.ts';

/** What the Kafka protocol's codec makes of a call and of its answer, which is what the other side is given. */

/** @throws Violation when what was written cannot be read */
export function carriedCall<A extends ApiName>(call: KafkaCall<A>): KafkaCall<A> {
  const { api, version, body } = call;
  const codec = apis[api].request as unknown as Message<unknown>;
  return { ...call, body: throughCodec(codec, body, version, undefined) } as KafkaCall<A>;
}

/** @param segments where records lie that the answer only names */
export function carriedResponse(call: KafkaCall, body: unknown, segments: SegmentReader): unknown {
  const codec = apis[call.api].response as unknown as Message<unknown>;
  return throughCodec(codec, body, call.version, segments);
}

/** The answer as it is, but for records that it only names. */
export function resolvedResponse(call: KafkaCall, body: unknown, segments: SegmentReader): unknown {
  if (call.api !== 'fetch') return body;
  const response = body as FetchResponse;
  return {
    ...response,
    responses: response.responses.map((topic) => ({
      ...topic,
      partitions: topic.partitions.map((partition) => {
        const { records } = partition;
        if (records === undefined || records instanceof Uint8Array) return partition;
        return {
          ...partition,
          records: segments.read(records.file, records.positionBytes, records.lengthBytes),
        };
      }),
    })),
  } satisfies ResponseOf<'fetch'>;
}

function throughCodec(
  codec: Message<unknown>,
  body: unknown,
  version: number,
  segments: SegmentReader | undefined,
): unknown {
  try {
    const { chunks } = codec.encode(body, version);
    const bytes = chunks.map((chunk) => {
      if (chunk instanceof Uint8Array) return chunk;
      if (segments === undefined) throw new WireError('a request names records that only a broker has');
      return segments.read(chunk.file, chunk.positionBytes, chunk.lengthBytes);
    });
    return codec.decode(concatBytes(bytes), version);
  } catch (failure) {
    if (!(failure instanceof WireError)) throw failure;
    throw new Violation('codec', failure.message);
  }
}
