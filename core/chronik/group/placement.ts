/**
 * The partition of `__consumer_offsets` that a group's offsets and members are kept in; its leader is the group's coordinator.
 * Clients never compute it, but tools read the topic, so the choice is Kafka's: Java's `String.hashCode`, its sign bit dropped.
 *
 * @param partitionCount of the topic, at least 1
 */
export function partitionOfGroup(groupId: string, partitionCount: number): number {
  let hash = 0;
  for (let at = 0; at < groupId.length; at += 1) hash = (Math.imul(hash, 31) + groupId.charCodeAt(at)) | 0;
  return (hash & 0x7fff_ffff) % partitionCount;
}
