import {
  type CutSegmentsEffect,
  type PersistEffect,
  type RemoveSegmentsEffect,
  type ReplyEffect,
  type SendEffect,
  type SendSnapshotEffect,
  type StopEffect,
} from '../base/effects.ts';
import { type NodeId } from '../base/ids.ts';
import { type TickEvent, type WallClockEvent } from '../base/machine.ts';
import { type RaftOptions, type SnapshotHeader } from '../raft/types.ts';
import { type KafkaCall } from '../wire/kafka/apis.ts';
import { type MetadataMessage } from './metadata/messages.ts';
import { type ReplicationMessage } from './replication/messages.ts';
import { type BrokerSettings } from './settings.ts';
import { type MarkerMessage } from './transaction/messages.ts';

/** What a broker is told at start; the same everywhere in its life. */
export interface BrokerConfig {
  readonly clusterId: bigint;
  /** Kafka's broker id, too. */
  readonly id: NodeId;
  /** Brokers of the static bootstrap, by id: they vote on the metadata. The same for every broker of the cluster. */
  readonly initialBrokers: readonly InitialBroker[];
  /** Where clients find this broker, a listener each. */
  readonly endpoints: readonly Endpoint[];
  /** broker.rack: replicas are spread over racks. */
  readonly rack: string | undefined;
  /**
   * This broker has started before, and its metadata's log was durable: where it finds none, it has lost its votes and does
   * not start. Default: it may be its first start.
   */
  readonly hasStarted?: boolean | undefined;
  readonly raft: RaftOptions;
  readonly settings: BrokerSettings;
}

export interface InitialBroker {
  readonly id: NodeId;
  readonly name: string;
}

/** How clients speak to a listener: numbers of Kafka's `SecurityProtocol`. */
export const securityProtocols = { PLAINTEXT: 0, SSL: 1, SASL_PLAINTEXT: 2, SASL_SSL: 3 } as const;
export type SecurityProtocol = keyof typeof securityProtocols;

export interface Endpoint {
  /** Name of the listener, the same on every broker: who asks over one is told of the others' endpoints of that name. */
  readonly listener: string;
  readonly host: string;
  readonly port: number;
  readonly securityProtocol: SecurityProtocol;
}

/** Who asks. */
export interface CallingClient {
  /** The request header's client id; undefined where it has none. */
  readonly id: string | undefined;
  /** Whom the connection has authenticated, as Kafka writes it: `User:alice`; `User:ANONYMOUS` where it asks for nobody. */
  readonly principal: string;
  /** The client's address, for access-control lists. */
  readonly host: string;
  /** Name of the listener over which it came. */
  readonly listener: string;
}

export type BrokerRequest =
  | { readonly kind: 'call'; readonly call: KafkaCall; readonly client: CallingClient }
  /** The process is about to stop: answered when this broker leads nothing any more, or cannot be helped to. */
  | { readonly kind: 'shutdown' };

export type BrokerResponse =
  /**
   * The response of the call's API, in the call's version. Errors are numbers in it. `throttleMs`: nothing more is to be read
   * from the connection for so long (KIP-219); the body says so, too.
   */
  | { readonly kind: 'answered'; readonly body: unknown; readonly throttleMs: number }
  /** A produce request with acks=0: the protocol has no answer to it. */
  | { readonly kind: 'silent' }
  /**
   * The connection ends. What the protocol cannot say otherwise: a produce request with acks=0 failed and its producer must
   * look for the leader anew, or the call cannot be answered at all.
   */
  | { readonly kind: 'disconnect'; readonly reason: string }
  | { readonly kind: 'shutdown' };

/** What brokers say to each other; see message-codec.ts. */
export type BrokerMessage = MetadataMessage | ReplicationMessage | MarkerMessage;

export type BrokerEvent =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'received'; readonly from: NodeId; readonly messages: readonly BrokerMessage[] }
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'stored'; readonly storeSeq: number }
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: BrokerRequest }
  /** The client is gone: no reply is wanted. What was begun may still happen. */
  | { readonly kind: 'cancelled'; readonly requestId: number }
  /** A peer's snapshot of the metadata lies complete in the stage; the broker installs or discards it. */
  | {
      readonly kind: 'snapshotReceived';
      readonly from: NodeId;
      readonly stageId: number;
      readonly header: SnapshotHeader;
    }
  | { readonly kind: 'snapshotSent'; readonly to: NodeId }
  | { readonly kind: 'snapshotFailed'; readonly to: NodeId };

export type BrokerEffect =
  | PersistEffect
  | SendEffect<BrokerMessage>
  | ReplyEffect<BrokerResponse>
  | RemoveSegmentsEffect
  | CutSegmentsEffect
  | SendSnapshotEffect<SnapshotHeader>
  | StopEffect;
