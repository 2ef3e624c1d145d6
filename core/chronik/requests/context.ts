import { type Prng } from '../../base/prng.ts';
import { type ApiName, type ResponseOf } from '../../wire/kafka/apis.ts';
import { type BrokerConfig, type CallingClient } from '../broker-protocol.ts';
import { type Configs } from '../configs.ts';
import { type ActiveProducer } from '../log/outcomes.ts';
import { type MetadataCommand } from '../metadata/commands.ts';
import { type MetadataImage, type TopicState } from '../metadata/image.ts';
import { type MetadataOutcome } from '../metadata/outcomes.ts';
import { type Replication } from '../replication/replication.ts';
import { type PartitionKey } from '../types.ts';
import { type Authorization } from './authorization.ts';
import { type Quotas } from './quotas.ts';

export interface LogSize {
  readonly sizeBytes: number;
  /** How far its end is behind the high watermark. */
  readonly lag: number;
}

/** What requests need of the broker that answers them. Live: it shows the present whenever it is asked. */
export interface RequestContext {
  readonly config: BrokerConfig;
  readonly image: MetadataImage;
  readonly configs: Configs;
  readonly replication: Replication;
  readonly authorization: Authorization;
  readonly quotas: Quotas;
  /** Topics' and producers' ids are drawn from it. */
  readonly prng: Prng;
  readonly nowUs: number;
  /** 0 before the first word of the wall clock. */
  readonly wallMs: number;
  /** The broker whose word on sessions counts. */
  readonly controller: number | undefined;
  /** None was heard of for a whole session: whoever leads by the metadata may be dead, and nobody has found out. */
  readonly isLeaderless: boolean;
  /** Of a replica on this broker; undefined: there is none. */
  logSize(key: PartitionKey): LogSize | undefined;
  /** Of a replica on this broker, in the order of their ids. */
  activeProducers(key: PartitionKey): readonly ActiveProducer[];
  /** Numbers that come back from parts of the broker; never used twice in its life. */
  nextToken(): number;
  /** Puts a command on its way through the metadata's log; `then` is called once, in a later step. */
  propose(command: MetadataCommand, then: (outcome: MetadataOutcome) => void): void;
  /** @param throttleMs what the body says, too */
  answer<Api extends ApiName>(requestId: number, body: ResponseOf<Api>, throttleMs: number): void;
  /** A produce request to which the protocol has no answer is done. */
  silence(requestId: number): void;
  disconnect(requestId: number, reason: string): void;
}

/** A request that has arrived. */
export interface Arrival<Body> {
  readonly requestId: number;
  readonly version: number;
  readonly body: Body;
  readonly client: CallingClient;
}

/** A partition of the image by its name; undefined: there is none. */
export function keyOf(topic: TopicState | undefined, partition: number): PartitionKey | undefined {
  if (topic?.partitions[partition] === undefined) return undefined;
  return { created: topic.created, partition };
}
