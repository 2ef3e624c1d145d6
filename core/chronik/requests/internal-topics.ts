import { offsetsTopic } from '../group/port.ts';

/** What the transaction coordinators keep; compacted, and never written by clients (KIP-98). */
export const transactionsTopic = '__transaction_state';

/** Topics that brokers keep for themselves: clients may read them, and nothing else. */
export function isInternalTopic(name: string): boolean {
  return name === offsetsTopic || name === transactionsTopic;
}
