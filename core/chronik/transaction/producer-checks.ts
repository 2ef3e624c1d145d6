import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { type TransactionEntry } from './entry.ts';

/** Who says that it is the producer of a transactional id. */
export interface ClaimedProducer {
  readonly producerId: number;
  readonly producerEpoch: number;
}

/** Since when clients know PRODUCER_FENCED (KIP-588); those before are told INVALID_PRODUCER_EPOCH, which they take as fatal, too. */
const fencedSinceVersion = { initProducerId: 4, other: 2 } as const;

/** @returns why it is not, or undefined: it is */
export function refusalOfProducer(
  { state }: TransactionEntry,
  claimed: ClaimedProducer,
  version: number,
): KafkaError | undefined {
  if (claimed.producerId !== state.producerId) return 'INVALID_PRODUCER_ID_MAPPING';
  if (claimed.producerEpoch === state.producerEpoch) return undefined;
  return version >= fencedSinceVersion.other ? 'PRODUCER_FENCED' : 'INVALID_PRODUCER_EPOCH';
}

/**
 * A producer that has been one before may ask to go on under a new epoch (KIP-360): only the newest may, and one that was given
 * the present epoch and has not heard of it.
 *
 * @returns why it may not, or undefined: it may, or it is new
 */
export function refusalOfNewProducer(
  { state, previousEpoch }: TransactionEntry,
  claimed: ClaimedProducer,
  version: number,
): KafkaError | undefined {
  if (claimed.producerId === -1) return undefined;
  const isOurs =
    claimed.producerId === state.producerId &&
    (claimed.producerEpoch === state.producerEpoch || claimed.producerEpoch === previousEpoch);
  if (isOurs) return undefined;
  return version >= fencedSinceVersion.initProducerId ? 'PRODUCER_FENCED' : 'INVALID_PRODUCER_EPOCH';
}
