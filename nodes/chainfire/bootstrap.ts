import { createHash } from 'node:crypto';

import { type Address, formatAddress } from '../../adapters/config/address.ts';
import { type NamedAddress } from '../../adapters/config/values.ts';
import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { compareKeys } from '../../core/base/bytes.ts';
import { type InitialMember } from '../../core/chainfire/member-protocol.ts';

/** What the settings of a static bootstrap say about the cluster; the same on every member, whatever the order they list. */
export interface Bootstrap {
  readonly clusterId: bigint;
  readonly members: readonly (InitialMember & { readonly address: Address })[];
}

/** What stands before the addresses of peers in the member list. */
export type PeerScheme = 'http' | 'https';

/**
 * Ids 1..n by name order; the cluster id is a 64-bit hash of the sorted members and the token.
 *
 * @param scheme no part of the id: a cluster that is given TLS later is the same
 */
export function bootstrap(
  initialCluster: readonly NamedAddress[],
  token: string,
  scheme: PeerScheme = 'http',
): Bootstrap {
  const sorted = initialCluster.toSorted((left, right) => compareKeys(left.name, right.name));
  const members = sorted.map(({ name, host, port }, position) => ({
    id: nodeId(position + 1),
    name,
    peerUrls: [`${scheme}://${formatAddress({ host, port })}`],
    address: { host, port },
  }));
  const hash = createHash('sha256');
  hash.update(`photon.chainfire.cluster\n${token}\n`);
  for (const member of members) hash.update(`${member.name}=${formatAddress(member.address)}\n`);
  const clusterId = hash.digest().readBigUInt64BE(0);
  // 0 is "no cluster" on the wire.
  return { clusterId: clusterId === 0n ? 1n : clusterId, members };
}

/**
 * The token of a cluster that begins with a snapshot: it has another id than one that begins with nothing, whatever both are
 * told, so that members of the one are no members of the other.
 *
 * @param digest the snapshot's, in hex
 */
export function restoredToken(token: string, digest: string): string {
  return `${token} restored from ${digest}`;
}

export function memberNamed(
  cluster: Bootstrap,
  name: string,
): { readonly id: NodeId; readonly address: Address } | undefined {
  return cluster.members.find((member) => member.name === name);
}
