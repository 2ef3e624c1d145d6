/**
 * The partition of a key, as the clients of Kafka choose it: records with the same key meet in one partition whoever
 * produces them.
 *
 * Source: MurmurHash2, 32 bits, seed 0x9747b28c, positive part, modulo the number of partitions (Kafka's default
 * partitioner).
 */
export function partitionOfKey(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount;
}

const seed = 0x9747b28c;
const multiplier = 0x5bd1e995;
const rotation = 24;

export function murmur2(bytes: Uint8Array): number {
  const length = bytes.length;
  let hash = seed ^ length;
  const whole = length - (length % 4);
  for (let at = 0; at < whole; at += 4) {
    let word =
      (bytes[at] as number) |
      ((bytes[at + 1] as number) << 8) |
      ((bytes[at + 2] as number) << 16) |
      ((bytes[at + 3] as number) << 24);
    word = Math.imul(word, multiplier);
    word ^= word >>> rotation;
    word = Math.imul(word, multiplier);
    hash = Math.imul(hash, multiplier) ^ word;
  }
  for (let at = length - 1; at >= whole; at -= 1) hash ^= (bytes[at] as number) << (8 * (at - whole));
  if (length > whole) hash = Math.imul(hash, multiplier);
  hash ^= hash >>> 13;
  hash = Math.imul(hash, multiplier);
  return hash ^ (hash >>> 15);
}
