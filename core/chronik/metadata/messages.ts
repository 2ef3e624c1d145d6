import { unreachable } from '../../base/assert.ts';
import { decodeGroupMessages, encodeGroupMessages } from '../../raft/message-codec.ts';
import { type GroupMessage } from '../../raft/types.ts';
import { bool, type Infer, int64, message, uint64 } from '../../wire/protobuf.ts';
import { WireError } from '../../wire/reader.ts';

/** A broker to its controller: it lives. Sent every `beatIntervalUs`, and at once when there is news in it. */
export const BrokerBeat = message('BrokerBeat', {
  /** −1: it does not know its registration yet. */
  brokerEpoch: int64(1),
  /** How far it has applied the metadata. */
  appliedIndex: uint64(2),
  /** It is about to stop, and waits for others to lead what it leads. */
  wantsShutdown: bool(3),
});
export type BrokerBeat = Infer<typeof BrokerBeat>;

/** What the metadata's parts of two brokers say to each other. */
export type MetadataMessage =
  | { readonly kind: 'raft'; readonly message: GroupMessage }
  | { readonly kind: 'brokerBeat'; readonly beat: BrokerBeat };

const raftKind = 1;
const beatKind = 2;

/** Its kind, then what it says. */
export function encodeMetadataMessage(said: MetadataMessage): Uint8Array {
  switch (said.kind) {
    case 'raft':
      return ofKind(raftKind, encodeGroupMessages([said.message]));
    case 'brokerBeat':
      return ofKind(beatKind, BrokerBeat.encode(said.beat));
    default:
      return unreachable(said);
  }
}

/** @throws WireError when the bytes are no message */
export function decodeMetadataMessage(bytes: Uint8Array): MetadataMessage {
  const rest = bytes.subarray(1);
  switch (bytes[0]) {
    case raftKind: {
      const messages = decodeGroupMessages(rest);
      const [only] = messages;
      if (only === undefined || messages.length > 1) throw new WireError('one Raft message is expected');
      return { kind: 'raft', message: only };
    }
    case beatKind:
      return { kind: 'brokerBeat', beat: BrokerBeat.decode(rest) };
    default:
      throw new WireError(`a message of kind ${bytes[0] ?? 'none'} is not of the metadata's`);
  }
}

function ofKind(kind: number, payload: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(payload.length + 1);
  bytes[0] = kind;
  bytes.set(payload, 1);
  return bytes;
}
