import { concatBytes } from '../../base/bytes.ts';
import { WireError } from '../reader.ts';
import { KafkaReader } from './reader.ts';
import { bytes, type Infer, int32, list, type Message, message, string } from './schema.ts';
import { type Chunk } from './writer.ts';

/**
 * What members of a group of consumers tell each other through its coordinator, which does not read it: what each has
 * subscribed to, and what their leader has given to each.
 *
 * Source: Kafka's ConsumerProtocolSubscription and ConsumerProtocolAssignment; KIP-429, KIP-881.
 */
export const consumerProtocolType = 'consumer';

export const ConsumerSubscription = message(
  'ConsumerSubscription',
  { versions: '0-3', flexible: 'none' },
  {
    topics: list('0+', string),
    userData: bytes('0+', { nullable: '0+', default: null }),
    ownedPartitions: list('1+', { ignorable: true }, { topic: string('1+'), partitions: list('1+', int32) }),
    generationId: int32('2+', { ignorable: true, default: -1 }),
    rackId: string('3+', { nullable: '3+', ignorable: true, default: null }),
  },
);
export type ConsumerSubscription = Infer<typeof ConsumerSubscription>;

export const ConsumerAssignment = message(
  'ConsumerAssignment',
  { versions: '0-3', flexible: 'none' },
  {
    assignedPartitions: list('0+', { topic: string('0+'), partitions: list('0+', int32) }),
    userData: bytes('0+', { nullable: '0+', default: null }),
  },
);
export type ConsumerAssignment = Infer<typeof ConsumerAssignment>;

/** With the version before it, as an int16. */
export function encodeVersioned<S>(type: Message<S>, value: S, version: number): Uint8Array {
  const head = new Uint8Array([version >> 8, version]);
  return concatBytes([head, ...type.encode(value, version).chunks.map(inMemory)]);
}

/**
 * A newer version than is known here is read as the newest that is: versions only ever add fields.
 *
 * @throws WireError when it is none
 */
export function decodeVersioned<S>(type: Message<S>, input: Uint8Array): S {
  const reader = new KafkaReader(input);
  const version = reader.int16();
  if (version < 0) throw new WireError(`${type.name}: ${version} is no version`);
  return type.read(reader, Math.min(version, type.versions.max));
}

function inMemory(chunk: Chunk): Uint8Array {
  if (chunk instanceof Uint8Array) return chunk;
  throw new WireError('only records lie in files');
}
