import { refused } from '../../base/refusal.ts';
import { type BrokerEpoch, noEpoch } from '../types.ts';
import { type ItemOutcome, type MetadataRefusal } from './outcomes.ts';
import { type BrokerState } from './rows.ts';
import { type MetadataState } from './state.ts';

/** One of several things, as it was asked for: done. */
export const itemDone: ItemOutcome = { refusal: undefined };

/** @returns a refusal unless the broker is registered, and in the life that it was named in */
export function refuseBrokerEpoch(
  state: MetadataState,
  id: number,
  epoch: BrokerEpoch,
): MetadataRefusal | undefined {
  const broker = state.broker(id);
  if (broker === undefined) return unregistered(id);
  if (broker.epoch === epoch) return undefined;
  const given = epoch === noEpoch ? 'none was given' : `${epoch} was given`;
  return refused('STALE_BROKER_EPOCH', `broker ${id} is registered under epoch ${broker.epoch}; ${given}`);
}

export function unregistered(id: number): MetadataRefusal {
  return refused('BROKER_ID_NOT_REGISTERED', `broker ${id} is not registered`);
}

/** How a broker stands, where it is not active. */
export function standingOf(broker: BrokerState | undefined): string {
  if (broker === undefined) return 'is not registered';
  if (broker.fenced) return 'is fenced';
  return broker.inControlledShutdown ? 'is about to stop' : 'is active';
}

export function unknownTopic(name: string): MetadataRefusal {
  return refused('UNKNOWN_TOPIC_OR_PARTITION', `there is no topic ${shown(name)}`);
}

export function unknownPartition(topic: string, partition: number): MetadataRefusal {
  return refused('UNKNOWN_TOPIC_OR_PARTITION', `topic ${shown(topic)} has no partition ${partition}`);
}

const shownCharsMax = 255;

/** Outside text in a message, quoted and not without end. */
export function shown(text: string): string {
  return JSON.stringify(text.length > shownCharsMax ? `${text.slice(0, shownCharsMax)}…` : text);
}
