import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import { type InitProducerIdRequest } from '../../wire/kafka/messages/transactions.ts';
import { type ProducerIds } from '../producer-ids.ts';
import { type Arrival, type RequestContext } from './context.ts';

/** InitProducerId of a producer that is idempotent and has no transactions: any broker gives it a new id (KIP-98). */
export function initIdempotentProducer(
  context: RequestContext,
  producerIds: ProducerIds,
  { requestId, client }: Arrival<InitProducerIdRequest>,
): void {
  const answer = (errorCode: number, producerId: number): void => {
    const producerEpoch = producerId < 0 ? -1 : 0;
    context.answer<'initProducerId'>(
      requestId,
      { throttleTimeMs: 0, errorCode, producerId, producerEpoch },
      0,
    );
  };
  const { authorization } = context;
  // Whoever may write somewhere may do so idempotently (KIP-679).
  const isAllowed =
    authorization.allowsCluster(client, 'idempotentWrite') ||
    authorization.allowsSome(client, 'write', 'topic');
  if (!isAllowed) {
    answer(kafkaErrors.CLUSTER_AUTHORIZATION_FAILED, -1);
    return;
  }
  producerIds.draw((producerId) => {
    // Clients try again: the controller is away, and somebody else will be it.
    if (producerId === undefined) answer(kafkaErrors.COORDINATOR_NOT_AVAILABLE, -1);
    else answer(kafkaErrors.NONE, producerId);
  });
}
