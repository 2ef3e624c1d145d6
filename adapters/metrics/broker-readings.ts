import { type BrokerView } from '../../core/chronik/broker-view.ts';
import { type KafkaCounters } from '../kafka/server-options.ts';
import { type RunnerCounters } from '../runner/counters.ts';

/** What every scrape reads anew. */
export interface BrokerReadings {
  readonly view: BrokerView;
  readonly runner: Readonly<RunnerCounters>;
  readonly clients: Readonly<KafkaCounters>;
}

/** Replicas on this broker, counted once a scrape. */
export interface ReplicaCounts {
  readonly replicas: number;
  readonly leaders: number;
  readonly offline: number;
  /** Partitions that this broker leads and that lack an in-sync replica. */
  readonly underReplicated: number;
  /** And those that lack so many that a producer that waits for all is refused. */
  readonly underMinInsync: number;
}

export function countReplicas(view: BrokerView): ReplicaCounts {
  let [replicas, leaders, offline, underReplicated, underMinInsync] = [0, 0, 0, 0, 0];
  for (const { topic, partition, role, inSyncReplicas } of view.partitions()) {
    replicas += 1;
    if (role === 'offline') offline += 1;
    if (role !== 'leader') continue;
    leaders += 1;
    const state = view.image.topic(topic);
    const assigned = state?.partitions[partition]?.replicas.length ?? 0;
    if (inSyncReplicas.length < assigned) underReplicated += 1;
    const least = state === undefined ? 0 : view.image.topicConfig(state).minInsyncReplicas;
    if (inSyncReplicas.length < least) underMinInsync += 1;
  }
  return { replicas, leaders, offline, underReplicated, underMinInsync };
}

/** A number, and the names that it goes by: ours first, Kafka's beside it where the meaning is the same. */
export interface BrokerReading {
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  readonly names: readonly string[];
  read(this: void, broker: BrokerReadings, replicas: ReplicaCounts): number;
}

type Read = BrokerReading['read'];

function gauge(read: Read, help: string, ...names: readonly string[]): BrokerReading {
  return { kind: 'gauge', read, help, names };
}

/** Since the process started. */
function counter(read: Read, help: string, ...names: readonly string[]): BrokerReading {
  return { kind: 'counter', read, help, names };
}

export const brokerReadings: readonly BrokerReading[] = [
  gauge(
    ({ view }) => Number(view.controller === view.config.id),
    '1 when this broker is the controller',
    'photon_chronik_is_controller',
    'kafka_controller_kafkacontroller_activecontrollercount',
  ),
  gauge(
    ({ view }) => Number(view.controller !== undefined),
    '1 when this broker knows a controller',
    'photon_chronik_has_controller',
  ),
  gauge(
    ({ view }) => Number(view.isFenced),
    '1 while this broker neither leads nor counts as in sync',
    'photon_chronik_is_fenced',
  ),
  gauge(
    ({ view }) => view.metadata.term,
    "Election term of the metadata's log",
    'photon_chronik_metadata_term',
    'kafka_server_raft_metrics_current_epoch',
  ),
  gauge(
    ({ view }) => view.metadata.commitIndex,
    "Highest index of the metadata's log known to be committed",
    'photon_chronik_metadata_committed_index',
    'kafka_server_raft_metrics_high_watermark',
  ),
  gauge(
    ({ view }) => view.appliedIndex,
    "Highest index of the metadata's log that this broker acts on",
    'photon_chronik_metadata_applied_index',
    'kafka_server_broker_metadata_metrics_last_applied_record_offset',
  ),
  gauge(
    ({ view }) => view.image.topicCount,
    'Topics of the cluster',
    'photon_chronik_topics',
    'kafka_controller_kafkacontroller_globaltopiccount',
  ),
  gauge(
    ({ view }) => view.image.partitionCount,
    'Partitions of the cluster',
    'photon_chronik_cluster_partitions',
    'kafka_controller_kafkacontroller_globalpartitioncount',
  ),
  gauge(
    (_, { replicas }) => replicas,
    'Replicas on this broker',
    'photon_chronik_partitions',
    'kafka_server_replicamanager_partitioncount',
  ),
  gauge(
    (_, { leaders }) => leaders,
    'Partitions that this broker leads',
    'photon_chronik_leaders',
    'kafka_server_replicamanager_leadercount',
  ),
  gauge(
    (_, { underReplicated }) => underReplicated,
    'Partitions that this broker leads and that lack an in-sync replica',
    'photon_chronik_under_replicated_partitions',
    'kafka_server_replicamanager_underreplicatedpartitions',
  ),
  gauge(
    (_, { underMinInsync }) => underMinInsync,
    'Partitions that this broker leads and that have fewer in-sync replicas than their topic demands',
    'photon_chronik_under_min_isr_partitions',
    'kafka_server_replicamanager_underminisrpartitioncount',
  ),
  gauge(
    (_, { offline }) => offline,
    'Replicas on this broker of partitions that nobody leads',
    'photon_chronik_offline_replicas',
    'kafka_server_replicamanager_offlinereplicacount',
  ),
  gauge(
    ({ view }) => view.waitingRequests,
    'Requests that wait for replicas, for data or for the metadata',
    'photon_chronik_waiting_requests',
    'kafka_server_delayedoperationpurgatory_purgatorysize',
  ),
  gauge(
    ({ clients }) => clients.connections,
    'Connections of clients',
    'photon_chronik_connections',
    'kafka_server_socket_server_metrics_connection_count',
  ),
  counter(
    ({ clients }) => clients.connectionsAccepted,
    'Connections of clients that were accepted',
    'photon_chronik_connections_accepted_total',
    'kafka_server_socket_server_metrics_connection_creation_total',
  ),
  counter(
    ({ clients }) => clients.connectionsRefused,
    'Connections of clients that were closed since there were too many',
    'photon_chronik_connections_refused_total',
  ),
  counter(
    ({ clients }) => clients.authenticationsSucceeded,
    'Clients that have logged in',
    'photon_chronik_authentications_total',
    'kafka_server_socket_server_metrics_successful_authentication_total',
  ),
  counter(
    ({ clients }) => clients.authenticationsFailed,
    'Clients that could not log in',
    'photon_chronik_authentication_failures_total',
    'kafka_server_socket_server_metrics_failed_authentication_total',
  ),
  counter(
    ({ clients }) => clients.receivedBytes,
    'Bytes received from clients',
    'photon_chronik_client_received_bytes_total',
    'kafka_server_socket_server_metrics_incoming_byte_total',
  ),
  counter(
    ({ clients }) => clients.sentBytes,
    'Bytes sent to clients',
    'photon_chronik_client_sent_bytes_total',
    'kafka_server_socket_server_metrics_outgoing_byte_total',
  ),
  counter(
    ({ runner }) => runner.events,
    'Events that the machine has stepped',
    'photon_chronik_events_total',
  ),
  counter(
    ({ runner }) => runner.requestsOverloaded,
    'Requests turned away because too many events were waiting',
    'photon_chronik_requests_overloaded_total',
  ),
  counter(
    ({ runner }) => runner.receivedDropped,
    'Messages of peers dropped because too many events were waiting',
    'photon_chronik_peer_received_dropped_messages_total',
  ),
  counter(
    ({ runner }) => runner.appendedBytes,
    'Bytes appended to logs, those of the metadata and of other brokers included',
    'photon_chronik_log_appended_bytes_total',
  ),
];
