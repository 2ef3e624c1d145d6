import { type NodeId } from '../../../core/base/ids.ts';
import {
  bytes,
  latin1,
  message,
  nested,
  repeated,
  text,
  uint32,
  uint64,
} from '../../../core/wire/protobuf.ts';
import { type CallContext } from '../service.ts';
import { StatusError } from '../status.ts';

/** The messages of `proto/photon/raft/v1/peer.proto`, and its handshake. */
export const peerServiceName = 'photon.raft.v1.Peer';
export const exchangePath = `/${peerServiceName}/Exchange`;
export const snapshotPath = `/${peerServiceName}/Snapshot`;

export const Batch = message('Batch', { messages: bytes(1) });
export const Accepted = message('Accepted', { nodeId: uint64(1), bootId: text(2) });

export const Row = message('Row', { key: latin1(1), value: bytes(2) });
export const RowList = message('RowList', { rows: repeated(nested(1, () => Row)) });
export const Rows = message('Rows', { table: text(1), rows: bytes(2), crc32c: uint32(3) });
export const End = message('End', { rows: uint64(1) });
export const SnapshotChunk = message('SnapshotChunk', {
  header: bytes(1),
  rows: nested(2, () => Rows),
  end: nested(3, () => End),
});
export const Receipt = message('Receipt', { rows: uint64(1) });

/** Raised with every change that an older node cannot read. */
export const protocolVersion = 1;

/** Who a node is to its peers. */
export interface PeerIdentity {
  readonly clusterId: bigint;
  readonly id: NodeId;
  /** Random, new with every start of the process. */
  readonly bootId: string;
}

export function formatClusterId(clusterId: bigint): string {
  return clusterId.toString(16).padStart(16, '0');
}

export function handshakeMetadata(own: PeerIdentity, to: NodeId): Readonly<Record<string, string>> {
  return {
    'photon-protocol': String(protocolVersion),
    'photon-cluster-id': formatClusterId(own.clusterId),
    'photon-from': String(own.id),
    'photon-to': String(to),
    'photon-boot': own.bootId,
  };
}

/**
 * @param knows whether a node is a member of the cluster as this node knows it
 * @returns the caller
 * @throws StatusError FAILED_PRECONDITION saying what does not fit; nothing of the call is read then
 */
export function acceptHandshake(
  own: PeerIdentity,
  context: CallContext,
  knows: (id: NodeId) => boolean,
): NodeId {
  const refuse = (reason: string): never => {
    throw new StatusError(
      'FAILED_PRECONDITION',
      `node ${own.id} refuses the peer ${context.peer}: ${reason}`,
    );
  };
  const version = context.metadata('photon-protocol');
  if (version !== String(protocolVersion)) {
    refuse(`it speaks peer protocol ${version ?? 'unknown'}, this node speaks ${protocolVersion}`);
  }
  const cluster = context.metadata('photon-cluster-id');
  if (cluster !== formatClusterId(own.clusterId)) {
    refuse(`it belongs to cluster ${cluster ?? 'unknown'}, this node to ${formatClusterId(own.clusterId)}`);
  }
  const to = context.metadata('photon-to');
  if (to !== String(own.id)) refuse(`it calls node ${to ?? 'unknown'}; check the addresses of the members`);
  const from = Number(context.metadata('photon-from'));
  if (!Number.isSafeInteger(from) || from < 1 || from === own.id || !knows(from as NodeId)) {
    refuse(
      `it says it is node ${context.metadata('photon-from') ?? 'unknown'}, which is no other member of this cluster`,
    );
  }
  return from as NodeId;
}
