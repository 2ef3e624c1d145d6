import { type KafkaError } from '../../../core/wire/kafka/error-codes.ts';

/**
 * What a call ended with, when not with an answer:
 * - `refused`: the brokers say no, by the name in `kafkaError`.
 * - `failed`: it was surely not done.
 * - `unknown`: it was sent, and nobody knows whether it was done.
 */
export type CallOutcome = 'refused' | 'failed' | 'unknown';

export class KafkaClientError extends Error {
  override readonly name = 'KafkaClientError';
  readonly outcome: CallOutcome;
  /** Set where the brokers said it. */
  readonly kafkaError: KafkaError | undefined;

  constructor(
    message: string,
    outcome: CallOutcome,
    options: { readonly kafkaError?: KafkaError; readonly cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.outcome = outcome;
    this.kafkaError = options.kafkaError;
  }
}

/** The brokers have said no. */
export function refusedBy(what: string, kafkaError: KafkaError, detail?: string): KafkaClientError {
  const more = detail === undefined || detail === '' ? '' : `: ${detail}`;
  return new KafkaClientError(`${what}: ${kafkaError}${more}`, 'refused', { kafkaError });
}
