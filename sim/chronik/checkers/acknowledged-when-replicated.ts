import { type NodeId } from '../../../core/base/ids.ts';
import { type ChronikBroker } from '../../../core/chronik/broker.ts';
import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { type ProduceResponse } from '../../../core/wire/kafka/messages/produce.ts';
import { Violation } from '../../types.ts';
import { readHeaders } from '../batch.ts';
import { type BrokerProcess } from '../broker-process.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';

/** How many have to be in sync, as a broker had it when it had applied so much of the metadata. */
interface Demands {
  readonly appliedIndex: number;
  /** By topic and number. */
  readonly least: ReadonlyMap<string, number>;
}

/**
 * A broker tells an acks=-1 producer of success only while its high watermark lies above every record of the batch. Where the
 * request is about one partition alone, so that nothing else was waited for, at least min.insync.replicas are in sync then (or
 * all replicas, where there are fewer).
 *
 * Not verified: what the high watermark rests on (see high-watermark), and acks=1; who was in sync where the step also brought
 * another assignment of the partition. Where it brought another setting, the answer may be from before it, or rest on it.
 */
export class AcknowledgedWhenReplicated implements ChronikChecker {
  readonly name = 'acknowledged-when-replicated';
  readonly #demands = new Map<NodeId, Demands>();

  onRecovered({ node }: BrokerProcess): void {
    this.#demands.delete(node);
  }

  onStep(step: BrokerStep): void {
    const { node } = step.process;
    const before = this.#demands.get(node);
    const now = before?.appliedIndex === step.broker.view.appliedIndex ? before : demandsOf(step.broker);
    this.#requireReplicated(step, before ?? now, now);
    this.#demands.set(node, now);
  }

  #requireReplicated({ answers, broker, process, replicas }: BrokerStep, was: Demands, is: Demands): void {
    for (const { call, body } of answers) {
      if (call.api !== 'produce' || call.body.acks !== -1) continue;
      for (const { name, partitionResponses } of (body as ProduceResponse).responses) {
        for (const { index, errorCode, baseOffset } of partitionResponses) {
          if (errorCode !== kafkaErrors.NONE || baseOffset < 0) continue;
          const view = broker.view.partition({ topic: name, partition: index });
          const records = call.body.topicData
            .find((each) => each.name === name)
            ?.partitionData.find((each) => each.index === index)?.records;
          const least = is.least.get(`${name}-${index}`);
          if (view === undefined || least === undefined) continue;
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
          if (inSync >= Math.min(least, was.least.get(`${name}-${index}`) ?? least)) continue;
          throw new Violation(this.name, `${where} with ${inSync} in sync, of ${least} that it takes`);
        }
      }
    }
  }
}

function demandsOf({ view: { appliedIndex, image } }: ChronikBroker): Demands {
  const least = new Map<string, number>();
  for (const topic of image.topics()) {
    const { minInsyncReplicas } = image.topicConfig(topic);
    topic.partitions.forEach(({ replicas }, partition) => {
      least.set(`${topic.name}-${partition}`, Math.min(minInsyncReplicas, replicas.length));
    });
  }
  return { appliedIndex, least };
}
