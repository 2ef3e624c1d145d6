import { type GroupMessage } from '../../raft/types.ts';
import { bool, type Infer, int64, message, uint64 } from '../../wire/protobuf.ts';

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
