import { type NodeId } from '../../core/base/ids.ts';
import { type Address, formatAddress, parseAddress } from '../config/address.ts';
import {
  bytes,
  id64,
  type Infer,
  latin1,
  message,
  nested,
  repeated,
  text,
  uint32,
  uint64,
} from '../../core/wire/protobuf.ts';

/**
 * How the nodes of one cluster talk to each other: frames (`core/wire/framing.ts`) over a connection that the sender has
 * opened. What a node sends goes over its own connections, what it hears comes over theirs.
 *
 *     caller                                 called
 *     hello ───────────────────────────────►         who I am, whom I take you for, what this connection is for
 *           ◄─────────────────────────────── accepted, or refused with the reason and the connection's end
 *     exchange:  messages* ────────────────►         ping ──►  ◄── pong, whenever it is quiet
 *     snapshot:  header, rows*, end ───────►
 *           ◄─────────────────────────────── receipt, once every row is staged and the machine is told
 *     introduction, acquaintance:
 *           ◄─────────────────────────────── introduction: the cluster and its members, to one that speaks for no member yet;
 *                                            as the cluster has agreed upon them, or at once, as this node knows them
 *
 * A refusal may come at any later time, too. Messages may be lost when a connection breaks; consensus repairs that.
 */
export const frameKinds = {
  hello: 1,
  accepted: 2,
  refused: 3,
  messages: 4,
  ping: 5,
  pong: 6,
  header: 7,
  rows: 8,
  end: 9,
  receipt: 10,
  introduction: 11,
} as const;

/** Raised with every change that an older node cannot read. */
export const protocolVersion = 2;
/** Begins every hello, so that whatever else connects is told apart at once. */
const protocolName = 'photon-peer';

/** Until both sides know each other: a hello and its answer are short. */
export const handshakeBytesMax = 4_096;
/** A peer sends one batch at most, and one message beyond its bound that closed it: an append, or an entry of its largest size. */
export const frameBytesMax = 67_108_864;

/** What a node says of its cluster to one that asks. */
export const introductionBytesMax = 1_048_576;

export const purposes = { exchange: 1, snapshot: 2, introduction: 3, acquaintance: 4 } as const;
/** Purposes of those that only ask. */
export type Enquiry = 'introduction' | 'acquaintance';

export const Hello = message('Hello', {
  protocol: text(1),
  version: uint32(2),
  /** 0 where the caller only asks, and knows of no cluster yet. */
  clusterId: id64(3),
  /** Node ids; 0 where the caller only asks. */
  from: uint64(4),
  to: uint64(5),
  bootId: text(6),
  purpose: uint32(7),
  /** Where the caller's own peers find it, `host:port`: who has not heard of it yet answers it there. May be empty. */
  address: text(8),
});
export type Hello = Infer<typeof Hello>;
export const Accepted = message('Accepted', { nodeId: uint64(1), bootId: text(2) });
export const Refused = message('Refused', { code: text(1), reason: text(2) });

export const Row = message('Row', { key: latin1(1), value: bytes(2) });
/** Ascending keys within a table, across all frames of it. */
export const Rows = message('Rows', { table: text(1), rows: repeated(nested(2, () => Row)) });
/** `rows` of the whole snapshot. A stream that breaks before it is discarded. */
export const End = message('End', { rows: uint64(1) });
export const Receipt = message('Receipt', { rows: uint64(1) });

/**
 * `WRONG_PROTOCOL`: it speaks another version, or something else altogether.
 * `WRONG_CLUSTER`, `WRONG_NODE`, `NOT_A_MEMBER`: it belongs elsewhere, takes this node for another, is no member (any more).
 * `NOT_READY`: this node is starting or stopping. `BUSY`: it takes no more of these now.
 * `MALFORMED`: what came cannot be read. `INCOMPLETE`: rows are missing. `FAILED`: a defect of this node.
 */
export type PeerRefusalCode =
  | 'WRONG_PROTOCOL'
  | 'WRONG_CLUSTER'
  | 'WRONG_NODE'
  | 'NOT_A_MEMBER'
  | 'NOT_READY'
  | 'BUSY'
  | 'MALFORMED'
  | 'INCOMPLETE'
  | 'FAILED';

/** What a node tells a peer before it ends the connection. */
export class PeerRefusal extends Error {
  override readonly name = 'PeerRefusal';
  readonly code: PeerRefusalCode;

  constructor(code: PeerRefusalCode, message: string) {
    super(message);
    this.code = code;
  }
}

/** Who a node is to its peers. */
export interface PeerIdentity {
  readonly clusterId: bigint;
  readonly id: NodeId;
  /** Random, new with every start of the process. */
  readonly bootId: string;
  /** Where its peers find it, as it was told; undefined: it does not say. */
  readonly address?: Address | undefined;
}

/** Who calls, and what for. */
export type Caller =
  | { readonly purpose: Enquiry }
  | {
      readonly purpose: 'exchange' | 'snapshot';
      readonly from: NodeId;
      readonly address: Address | undefined;
    };

export function formatClusterId(clusterId: bigint): string {
  return clusterId.toString(16).padStart(16, '0');
}

export function helloOf(own: PeerIdentity, to: NodeId, purpose: 'exchange' | 'snapshot'): Hello {
  return {
    protocol: protocolName,
    version: protocolVersion,
    clusterId: own.clusterId,
    from: own.id,
    to,
    bootId: own.bootId,
    purpose: purposes[purpose],
    address: own.address === undefined ? '' : formatAddress(own.address),
  };
}

/** @param clusterId of which the caller wants to hear; undefined: of whatever the other belongs to */
export function enquiryHello(purpose: Enquiry, clusterId: bigint | undefined): Hello {
  return {
    protocol: protocolName,
    version: protocolVersion,
    clusterId: clusterId ?? 0n,
    from: 0,
    to: 0,
    bootId: '',
    purpose: purposes[purpose],
    address: '',
  };
}

/**
 * @param remote address of the other side, for the refusal's text
 * @param admits whether a node may speak here; where it says it is to be found goes with it
 * @throws PeerRefusal saying what does not fit
 */
export function acceptHello(
  own: PeerIdentity,
  hello: Hello,
  remote: string,
  admits: (id: NodeId, address: Address | undefined) => boolean,
): Caller {
  const refuse = (code: PeerRefusalCode, reason: string): never => {
    throw new PeerRefusal(code, `node ${own.id} refuses the peer ${remote}: ${reason}`);
  };
  if (hello.protocol !== protocolName) refuse('WRONG_PROTOCOL', 'it speaks another protocol');
  if (hello.version !== protocolVersion) {
    refuse('WRONG_PROTOCOL', `it speaks peer protocol ${hello.version}, this node speaks ${protocolVersion}`);
  }
  const enquiry = (['introduction', 'acquaintance'] as const).find(
    (name) => purposes[name] === hello.purpose,
  );
  if (hello.clusterId !== own.clusterId && !(enquiry !== undefined && hello.clusterId === 0n)) {
    refuse(
      'WRONG_CLUSTER',
      `it belongs to cluster ${formatClusterId(hello.clusterId)}, this node to ${formatClusterId(own.clusterId)}`,
    );
  }
  if (enquiry !== undefined) return { purpose: enquiry };
  if (hello.to !== own.id) {
    refuse('WRONG_NODE', `it calls node ${hello.to}; check the addresses of the members`);
  }
  const from = hello.from as NodeId;
  const address = parseAddress(hello.address);
  if (from < 1 || from === own.id || !admits(from, address)) {
    refuse('NOT_A_MEMBER', `it says it is node ${from}, which is no other member of this cluster`);
  }
  for (const purpose of ['exchange', 'snapshot'] as const) {
    if (purposes[purpose] === hello.purpose) return { purpose, from, address };
  }
  return refuse('WRONG_PROTOCOL', `it opens a connection for purpose ${hello.purpose}`);
}
