import { RollingHash } from '../../../core/base/rolling-hash.ts';
import { type ChronikBroker } from '../../../core/chronik/broker.ts';
import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { Violation } from '../../types.ts';
import { type BrokerStep, type ChronikChecker } from '../checker.ts';
import { type ChronikState } from '../state.ts';

/** Of so many of the newest entries it is known what they made of the metadata. */
const indexesMax = 5_000;

/**
 * Two brokers that have applied the same entries of the metadata's log know the same: brokers, topics and partitions, every field;
 * and a topic whose creation was acknowledged, and that nobody has asked to delete, is there at the end.
 *
 * Not verified: settings, lists of access control, credentials and quotas; what is on the way to be applied.
 */
export class MetadataAgrees implements ChronikChecker {
  readonly name = 'metadata-agrees';
  readonly #digests = new Map<number, { readonly digest: string; readonly node: number }>();
  /** By broker, the index that was looked at last. */
  readonly #seen = new Map<number, number>();

  onRecovered({ node }: BrokerStep['process']): void {
    this.#seen.delete(node);
  }

  onStep({ process, broker }: BrokerStep): void {
    const { appliedIndex } = broker.view;
    if (this.#seen.get(process.node) === appliedIndex) return;
    this.#seen.set(process.node, appliedIndex);
    const digest = digestOf(broker);
    const known = this.#digests.get(appliedIndex);
    if (known === undefined) {
      this.#digests.set(appliedIndex, { digest, node: process.node });
      this.#digests.delete(appliedIndex - indexesMax);
    } else if (known.digest !== digest) {
      throw new Violation(
        this.name,
        `n${process.node} and n${known.node} have applied the metadata's log up to ${appliedIndex}, and do not know the same`,
      );
    }
  }

  onEnd({ history, image }: ChronikState): void {
    for (const { what, errors } of history.admin) {
      const names = /^create (.*)$/.exec(what)?.[1]?.split(', ');
      if (names === undefined || errors === undefined || errors.some((error) => error !== kafkaErrors.NONE))
        continue;
      for (const name of names) {
        const isDeleted = history.admin.some((other) => other.what === `delete ${name}`);
        if (isDeleted || image?.topic(name) !== undefined) continue;
        throw new Violation(this.name, `topic ${name} is gone, whose creation was acknowledged`);
      }
    }
  }
}

function digestOf({ view }: ChronikBroker): string {
  const hash = new RollingHash();
  for (const broker of view.image.brokers) {
    // By name: a row that was read from the store has its fields in another order than one that was made.
    const { id, epoch, incarnation, rack, fenced, inControlledShutdown } = broker;
    hash.value([id, epoch, incarnation, rack ?? '', fenced, inControlledShutdown]);
    for (const { listener, host, port, securityProtocol } of broker.endpoints) {
      hash.value([listener, host, port, securityProtocol]);
    }
  }
  for (const topic of view.image.topics()) {
    hash.value([topic.name, topic.id, topic.created]);
    for (const partition of topic.partitions) {
      const { replicas, isr, leader, leaderEpoch, partitionEpoch } = partition;
      const { adding, removing, uncleanElections } = partition;
      hash.value([replicas, isr, leader, leaderEpoch, partitionEpoch, adding, removing, uncleanElections]);
    }
  }
  return hash.digest();
}
