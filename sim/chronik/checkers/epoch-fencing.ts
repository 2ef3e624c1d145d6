import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { type FetchResponse } from '../../../core/wire/kafka/messages/fetch.ts';
import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker, type StepAnswer } from '../checker.ts';

/**
 * A client that names the epoch of the leader that it speaks to is answered only by the leader of that epoch: an older one
 * gets FENCED_LEADER_EPOCH, a newer one UNKNOWN_LEADER_EPOCH, or either NOT_LEADER_OR_FOLLOWER.
 *
 * Not verified: requests other than Fetch; which of the errors it is where more than one fits.
 */
export class EpochFencing implements ChronikChecker {
  readonly name = 'epoch-fencing';

  onStep({ answers, broker, process }: BrokerStep): void {
    for (const answer of answers) this.#check(answer, broker, process);
  }

  #check({ call, body }: StepAnswer, broker: BrokerStep['broker'], process: BrokerStep['process']): void {
    if (call.api !== 'fetch') return;
    for (const { topic, partitions } of (body as FetchResponse).responses) {
      for (const { partitionIndex, errorCode } of partitions) {
        const asked = call.body.topics
          .find((each) => each.topic === topic)
          ?.partitions.find(({ partition }) => partition === partitionIndex)?.currentLeaderEpoch;
        const view = broker.view.partition({ topic, partition: partitionIndex });
        if (asked === undefined || asked < 0 || view === undefined) continue;
        const where = `n${process.node} has answered a fetch of ${topic}-${partitionIndex} in epoch ${asked}`;
        const own = view.leaderEpoch;
        if (errorCode === kafkaErrors.NONE && asked !== own) {
          throw new Violation(this.name, `${where}, and follows epoch ${own}`);
        }
        const isWrong =
          (errorCode === kafkaErrors.FENCED_LEADER_EPOCH && asked >= own) ||
          (errorCode === kafkaErrors.UNKNOWN_LEADER_EPOCH && asked <= own);
        if (isWrong)
          throw new Violation(this.name, `${where} with error ${errorCode}, and follows epoch ${own}`);
      }
    }
  }
}
