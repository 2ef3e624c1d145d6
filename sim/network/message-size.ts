import { type GroupMessage } from '../../core/raft/types.ts';

const envelopeBytes = 16;
const headerBytes = 24;

/** About what the codec would make of them: enough for bandwidth and bounds, at a fraction of the price. */
export function messageBytes(messages: readonly GroupMessage[]): number {
  let bytes = envelopeBytes;
  for (const { message } of messages) {
    bytes += headerBytes;
    if (message.kind === 'appendRequest') {
      for (const { data } of message.entries) bytes += headerBytes + data.length;
    } else if (message.kind === 'proposalForwarded') {
      for (const data of message.proposals) bytes += headerBytes + data.length;
    }
  }
  return bytes;
}
