import { createHash } from 'node:crypto';

import { formatAddress } from '../../adapters/config/address.ts';
import { ConfigError } from '../../adapters/config/resolve.ts';
import { type NamedAddress } from '../../adapters/config/values.ts';
import { type PeerPlace } from '../../adapters/peer/address-book.ts';
import { compareKeys } from '../../core/base/bytes.ts';
import { type NodeId, nodeId } from '../../core/base/ids.ts';

/** What a broker's certificates and its directory are for. */
export const chronikSystem = 'chronik';

/** Where this broker stands in its cluster. */
export interface BrokerPlace {
  readonly clusterId: bigint;
  readonly id: NodeId;
  /** All of them, this one included, by id. */
  readonly brokers: readonly PeerPlace[];
}

/**
 * Ids 1..n by name order; the cluster id is a 64-bit hash of the sorted brokers and the token. The same on every broker,
 * whatever the order they list.
 *
 * @throws ConfigError when the broker is none of them
 */
export function placeInCluster(settings: {
  readonly name: string;
  readonly initialCluster: readonly NamedAddress[];
  readonly initialClusterToken: string;
}): BrokerPlace {
  const { name, initialCluster, initialClusterToken } = settings;
  const sorted = initialCluster.toSorted((left, right) => compareKeys(left.name, right.name));
  const brokers = sorted.map(({ name: broker, host, port }, position) => ({
    id: nodeId(position + 1),
    name: broker,
    addresses: [{ host, port }],
  }));
  const own = brokers.find((broker) => broker.name === name);
  if (own === undefined) {
    throw new ConfigError(
      `initial_cluster has no broker ${name}; it names ${brokers.map((broker) => broker.name).join(', ')}`,
    );
  }
  const hash = createHash('sha256');
  hash.update(`photon.chronik.cluster\n${initialClusterToken}\n`);
  for (const broker of sorted) hash.update(`${broker.name}=${formatAddress(broker)}\n`);
  const clusterId = hash.digest().readBigUInt64BE(0);
  // 0 is "no cluster" on the wire.
  return { clusterId: clusterId === 0n ? 1n : clusterId, id: own.id, brokers };
}
