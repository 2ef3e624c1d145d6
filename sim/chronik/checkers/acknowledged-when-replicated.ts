import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { type ProduceResponse } from '../../../core/wire/kafka/messages/produce.ts';
import { Violation } from '../../types.ts';
import { readHeaders } from '../batch.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';

/**
 * A broker tells an acks=-1 producer of success only while its high watermark lies above every record of the batch. Where the
 * request is about one partition alone, so that nothing else was waited for, at least min.insync.replicas are in sync then (or
 * all replicas, where there are fewer).
 *
 * Not verified: what the high watermark rests on (see high-watermark), and acks=1; who was in sync where the step also brought
 * another assignment of the partition.
 */
export class AcknowledgedWhenReplicated implements ChronikChecker {
  readonly name = 'acknowledged-when-replicated';

  onStep({ answers, broker, process, replicas }: BrokerStep): void {
    for (const { call, body } of answers) {
      if (call.api !== 'produce' || call.body.acks !== -1) continue;
      for (const { name, partitionResponses } of (body as ProduceResponse).responses) {
        for (const { index, errorCode, baseOffset } of partitionResponses) {
          if (errorCode !== kafkaErrors.NONE || baseOffset < 0) continue;
          const view = broker.view.partition({ topic: name, partition: index });
          const topic = broker.view.image.topic(name);
          const row = topic?.partitions[index];
          const records = call.body.topicData
            .find((each) => each.name === name)
            ?.partitionData.find((each) => each.index === index)?.records;
          if (view === undefined || topic === undefined || row === undefined) continue;
          if (!(records instanceof Uint8Array)) continue;
          const count = readHeaders(records).reduce((sum, each) => sum + each.recordCount, 0);
          const where = `n${process.node} has acknowledged offsets ${baseOffset} to ${baseOffset + count - 1} of ${name}-${index}`;
          if (view.highWatermark < baseOffset + count) {
            throw new Violation(this.name, `${where} with its high watermark at ${view.highWatermark}`);
          }
          const { topicData } = call.body;
          if (topicData.length > 1 || topicData.some(({ partitionData }) => partitionData.length > 1))
            continue;
          const before = replicas.find(
            ({ after }) => after?.topic === name && after.partition === index,
          )?.before;
          // The metadata has changed the partition in the same step: what held when the mark advanced is not seen any more.
          if (before !== undefined && before.partitionEpoch !== view.partitionEpoch) continue;
          const inSync = Math.max(view.inSyncReplicas.length, before?.inSyncReplicas.length ?? 0);
          const least = Math.min(broker.view.image.topicConfig(topic).minInsyncReplicas, row.replicas.length);
          if (inSync >= least) continue;
          throw new Violation(this.name, `${where} with ${inSync} in sync, of ${least} that it takes`);
        }
      }
    }
  }
}
