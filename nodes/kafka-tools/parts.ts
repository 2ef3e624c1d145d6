import { isRetriable, type KafkaError, kafkaErrorOf } from '../../core/wire/kafka/error-codes.ts';

/**
 * The error of an answer of many parts that another attempt may do better at: where a part is done, to ask again for all of
 * them would refuse it, and who names what is not there hears so at once.
 */
export function retriableOf(parts: readonly { readonly errorCode: number }[]): KafkaError | undefined {
  const errors = parts.map(({ errorCode }) => kafkaErrorOf(errorCode));
  const mayPass = errors.every((error) => isRetriable(error) && error !== 'UNKNOWN_TOPIC_OR_PARTITION');
  return mayPass ? errors[0] : undefined;
}
