import { KafkaReader } from '../../wire/kafka/reader.ts';
import { utf8Decode, WireError } from '../../wire/reader.ts';
import { type Group } from './group.ts';
import { metadataFor } from './member.ts';

/** The protocol type of groups that share out topics' partitions; other types' metadata is their own affair. */
const consumerProtocolType = 'consumer';

/**
 * The topics that members of a group subscribe to. Undefined where their metadata does not say: the group shares out
 * something else, or in a way of its own.
 *
 * Source: Kafka's ConsumerProtocolSubscription; every version begins with the topics.
 */
export function subscribedTopics(group: Group): ReadonlySet<string> | undefined {
  if (group.protocolType !== consumerProtocolType) return undefined;
  const topics = new Set<string>();
  for (const member of group.members()) {
    // Before a generation has a protocol, each metadata of a member counts.
    const metadata =
      group.protocol === undefined
        ? member.traits.protocols.map((protocol) => protocol.metadata)
        : [metadataFor(member, group.protocol)];
    for (const bytes of metadata) {
      const subscribed = topicsOf(bytes);
      if (subscribed === undefined) return undefined;
      for (const topic of subscribed) topics.add(topic);
    }
  }
  return topics;
}

function topicsOf(metadata: Uint8Array): readonly string[] | undefined {
  const reader = new KafkaReader(metadata);
  try {
    reader.int16();
    const topics: string[] = [];
    // Each takes two bytes at least: a count that lies ends with the input.
    for (let left = reader.int32(); left > 0; left -= 1) {
      const length = reader.int16();
      if (length < 0) return undefined;
      topics.push(utf8Decode(reader.raw(length)));
    }
    return topics;
  } catch (error) {
    if (error instanceof WireError) return undefined;
    throw error;
  }
}
