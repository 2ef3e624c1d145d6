import { type BrokerMessage } from '../../core/chronik/broker-protocol.ts';
import {
  brokerMessageBytes,
  decodeBrokerMessages,
  encodeBrokerMessages,
} from '../../core/chronik/message-codec.ts';
import { decodeSnapshotHeader, encodeSnapshotHeader } from '../../core/raft/message-codec.ts';
import { type SnapshotHeader } from '../../core/raft/types.ts';
import { type PeerCodec } from '../network/peer-carriage.ts';

/** Brokers name records that lie in their files; whoever receives them has bytes. So all that they say is encoded. */
export const brokerPeerCodec: PeerCodec<BrokerMessage, SnapshotHeader> = {
  encode: encodeBrokerMessages,
  decode: decodeBrokerMessages,
  encodeHeader: encodeSnapshotHeader,
  decodeHeader: decodeSnapshotHeader,
  bytesOf: (messages) => messages.reduce((bytes, message) => bytes + brokerMessageBytes(message), 0),
};
