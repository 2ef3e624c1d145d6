import { type NodeId, nodeId } from '../../core/base/ids.ts';
import { Member } from '../../core/chainfire/api/cluster.ts';
import { type InitialMember } from '../../core/chainfire/member-protocol.ts';
import { id64, message, nested, repeated } from '../../core/wire/protobuf.ts';
import { WireError } from '../../core/wire/reader.ts';

/** What a member says of its cluster to a node that is to join it. */
export interface Introduction {
  readonly clusterId: bigint;
  /** As the cluster has agreed upon them by now. */
  readonly members: readonly Member[];
  /** Those that the cluster began with: whoever joins may have to read the log from its beginning. */
  readonly birth: readonly InitialMember[];
}

const Introductory = message('Introduction', {
  clusterId: id64(1),
  members: repeated(nested(2, () => Member)),
  birth: repeated(nested(3, () => Member)),
});

export function encodeIntroduction({ clusterId, members, birth }: Introduction): Uint8Array {
  const born = birth.map(({ id, name, peerUrls }) => Member.create({ id: BigInt(id), name, peerUrls }));
  return Introductory.encode({ clusterId, members, birth: born });
}

/** @throws WireError */
export function decodeIntroduction(bytes: Uint8Array): Introduction {
  const { clusterId, members, birth } = Introductory.decode(bytes);
  return {
    clusterId,
    members,
    birth: birth.map(({ id, name, peerUrls }) => ({ id: memberId(id), name, peerUrls })),
  };
}

/** @throws WireError */
export function memberId(id: bigint): NodeId {
  if (id < 1n || id > BigInt(Number.MAX_SAFE_INTEGER))
    throw new WireError(`Member.id: ${id} is no member's id`);
  return nodeId(Number(id));
}
