import { type KafkaError, kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { type MetadataOutcome } from '../metadata/outcomes.ts';

/** Kafka's number of an error that a part has named. What no number is known of is the broker's own fault. */
export function errorNumber(name: string): number {
  return kafkaErrors[name as KafkaError] ?? kafkaErrors.UNKNOWN_SERVER_ERROR;
}

export interface ErrorFields {
  readonly errorCode: number;
  readonly errorMessage: string | undefined;
}

export const noError: ErrorFields = { errorCode: kafkaErrors.NONE, errorMessage: undefined };

/** Of a command, or of a part of it. */
export function errorOf(
  refusal: { readonly code: string; readonly message: string } | undefined,
): ErrorFields {
  if (refusal === undefined) return noError;
  return { errorCode: errorNumber(refusal.code), errorMessage: refusal.message };
}

export function errorOfOutcome(outcome: MetadataOutcome): ErrorFields {
  return outcome.kind === 'done' ? noError : errorOf(outcome);
}
