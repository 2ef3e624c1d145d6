import { usPerMs } from '../../core/base/units.ts';
import { type BrokerConfig, type Endpoint } from '../../core/chronik/broker-protocol.ts';
import { type BrokerSettings, defaultBrokerSettings } from '../../core/chronik/settings.ts';
import { defaultRaftOptions } from '../../core/raft/types.ts';
import { type BrokerPlace } from './cluster.ts';
import { type ChronikSettings } from './settings.ts';

/** What a broker's machine is told at start. */
export function brokerConfig(
  settings: ChronikSettings,
  place: BrokerPlace,
  own: { readonly endpoints: readonly Endpoint[]; readonly hasStarted: boolean },
): BrokerConfig {
  return {
    clusterId: place.clusterId,
    id: place.id,
    initialBrokers: place.brokers.map(({ id, name }) => ({ id, name })),
    endpoints: own.endpoints,
    rack: settings.rack,
    hasStarted: own.hasStarted,
    raft: {
      ...defaultRaftOptions,
      electionTimeoutUs: settings.electionTimeoutMs * usPerMs,
      heartbeatIntervalUs: settings.heartbeatIntervalMs * usPerMs,
    },
    settings: brokerSettings(settings, place),
  };
}

function brokerSettings(settings: ChronikSettings, { brokers }: BrokerPlace): BrokerSettings {
  return {
    ...defaultBrokerSettings,
    autoCreateTopics: settings.autoCreateTopics,
    partitionsDefault: settings.numPartitions,
    replicationFactorDefault: Math.min(settings.defaultReplicationFactor, brokers.length),
    internalTopicPartitions: settings.internalTopicPartitions,
    internalTopicReplicationFactor: Math.min(settings.internalTopicReplicationFactor, brokers.length),
    replicaLagTimeMaxUs: settings.replicaLagTimeMaxMs * usPerMs,
    brokerSessionTimeoutUs: settings.brokerSessionTimeoutMs * usPerMs,
    authorizes: settings.authorization,
    superUsers: settings.superUsers?.split(',') ?? [],
    allowEveryoneIfNoAcl: settings.allowEveryoneIfNoAcl,
    groupInitialRebalanceDelayUs: settings.groupInitialRebalanceDelayMs * usPerMs,
    groups: {
      sessionTimeoutMsMin: settings.groupSessionTimeoutMsMin,
      sessionTimeoutMsMax: settings.groupSessionTimeoutMsMax,
      membersMax: settings.groupMembersMax,
      offsetsRetentionMs: settings.offsetsRetentionMs,
    },
    fetchBytesMax: settings.fetchBytesMax,
    uncleanLeaderElection: settings.uncleanLeaderElection,
    brokerConfigs: new Map([
      ['min.insync.replicas', String(Math.min(settings.minInsyncReplicas, brokers.length))],
      ['log.retention.ms', String(settings.retentionMs)],
      ['log.retention.bytes', String(settings.retentionBytes)],
      ['log.segment.bytes', String(settings.segmentBytes)],
      ['log.roll.ms', String(settings.segmentMs)],
      ['message.max.bytes', String(settings.messageBytesMax)],
      ['log.flush.policy', settings.flushPolicy],
      ['log.flush.interval.ms', String(settings.flushIntervalMs)],
    ]),
    replication: {
      waitingAppendsMax: settings.waitingRequestsMax,
      waitingFetchesMax: settings.waitingRequestsMax,
    },
  };
}
