import {
  decodeGroupMessages,
  decodeSnapshotHeader,
  encodeGroupMessages,
  encodeSnapshotHeader,
} from '../../core/raft/message-codec.ts';
import { type GroupMessage, type SnapshotHeader } from '../../core/raft/types.ts';
import { messageBytes } from './message-size.ts';
import { type PeerCodec } from './peer-carriage.ts';

/** Of machines that say to each other what Raft does, and nothing else. */
export const raftPeerCodec: PeerCodec<GroupMessage, SnapshotHeader> = {
  encode: encodeGroupMessages,
  decode: decodeGroupMessages,
  encodeHeader: encodeSnapshotHeader,
  decodeHeader: decodeSnapshotHeader,
  bytesOf: messageBytes,
};
