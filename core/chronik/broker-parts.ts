import { present } from '../base/assert.ts';
import { type NodeId } from '../base/ids.ts';
import { type CapturablePrng } from '../base/prng.ts';
import { usPerMs } from '../base/units.ts';
import { type StorageBackend } from '../storage/backend.ts';
import { type SegmentRepair } from '../storage/segment-files.ts';
import { type BrokerConfig, securityProtocols } from './broker-protocol.ts';
import { Commands } from './commands.ts';
import { Configs } from './configs.ts';
import { Coordinators } from './coordinators.ts';
import { defaultGroupSettings, type GroupSettings } from './group/settings.ts';
import { createCommand } from './metadata/commands.ts';
import { type MetadataImage } from './metadata/image.ts';
import { type MetadataOutcome } from './metadata/outcomes.ts';
import { defaultMetadataConfig, type MetadataConfig } from './metadata/replica-protocol.ts';
import { MetadataReplica } from './metadata/replica.ts';
import { Notices } from './notices.ts';
import { ProducerIds } from './producer-ids.ts';
import { Replicas } from './replicas.ts';
import { defaultTransactionSettings } from './transaction/settings.ts';
import { type AlterPartitionProposal } from './replication/assignment.ts';
import { type ReplicationPort } from './replication/replication-port.ts';
import { Replication } from './replication/replication.ts';
import { defaultReplicationSettings, type ReplicationSettings } from './replication/settings.ts';
import { Authorization } from './requests/authorization.ts';
import { type RequestContext } from './requests/context.ts';
import { Quotas } from './requests/quotas.ts';
import { RequestRouter } from './requests/router.ts';
import { type BrokerSettings } from './settings.ts';
import { StepOutput } from './step-output.ts';
import { type PartitionEpoch, type PartitionKey } from './types.ts';

/** Changes of in-sync sets in one command of the metadata. */
const alterationsMax = 1_000;

/** What a broker is lent. */
export interface BrokerPorts {
  /** `__meta/` and `partitions/` are below it. */
  readonly segments: SegmentRepair;
  readonly store: StorageBackend;
}

/** What time it is, for everybody in the broker. */
export interface BrokerClock {
  nowUs: number;
  /** 0 before the first word of the wall clock. */
  wallMs: number;
}

/** What a broker is made of; each part's own page says what it is. */
export interface BrokerParts {
  readonly config: BrokerConfig;
  readonly clock: BrokerClock;
  readonly output: StepOutput;
  readonly metadata: MetadataReplica;
  readonly commands: Commands;
  readonly configs: Configs;
  readonly replication: Replication;
  readonly replicas: Replicas;
  readonly coordinators: Coordinators;
  readonly requests: RequestRouter;
  readonly authorization: Authorization;
  readonly quotas: Quotas;
  readonly notices: Notices;
}

export function assembleBroker(
  ports: BrokerPorts,
  config: BrokerConfig,
  prng: CapturablePrng,
  nowUs: number,
): BrokerParts {
  const { settings } = config;
  const clock: BrokerClock = { nowUs, wallMs: 0 };
  const output = new StepOutput();
  const notices = new Notices();
  const metadata = MetadataReplica.recover(ports, metadataConfig(config), prng.fork('metadata'), nowUs);
  const { image } = metadata;
  const commands = new Commands((command, token) => metadata.propose(command, token));
  const authorization = new Authorization(settings);
  const quotas = new Quotas();
  const port = replicationPort({
    output,
    notices,
    commands,
    alterRefused,
    confirmMetadata: () => metadata.confirm(),
  });
  const replication = new Replication({
    id: config.id,
    settings: replicationSettings(settings),
    port,
  });
  function alterRefused(
    key: PartitionKey,
    partitionEpoch: PartitionEpoch,
    outcome: 'refused' | 'unknown',
  ): void {
    replication.alterPartitionAnswered(key, partitionEpoch, outcome, clock.nowUs);
  }
  const { segments } = ports;
  const cut: StepOutput['cut'] = (cuts) => output.cut(cuts);
  const configs = new Configs(image, settings);
  const replicas = new Replicas({ id: config.id, segments, image, configs, replication, cut });
  const producerIds = new ProducerIds(commands.propose.bind(commands), () => ({
    broker: config.id,
    brokerEpoch: metadata.brokerEpoch,
  }));
  const coordinators = new Coordinators({
    id: config.id,
    producerIds,
    transactionSettings: { ...defaultTransactionSettings, ...settings.transactions },
    clock,
    image,
    replication,
    replicas,
    segments,
    authorization,
    output,
    groupSettings: groupSettings(settings),
    prng: prng.fork('coordinators'),
  });
  const context = requestContext(
    { config, clock, output, metadata, commands, configs, replication, replicas, authorization, quotas },
    prng.fork('requests'),
  );
  const requests = new RequestRouter(context, {
    producerIds,
    transaction: (requestId, call, client) => coordinators.transactions.request(requestId, call, client),
    group: (requestId, call, { id, principal, host }) => {
      coordinators.groups.request(requestId, call, { id: id ?? '', principal, host }, clock.nowUs);
    },
  });
  const said = { config, clock, output, notices, commands, configs };
  return { ...said, metadata, replication, replicas, coordinators, requests, authorization, quotas };
}

function replicationSettings({ replicaLagTimeMaxUs, replication }: BrokerSettings): ReplicationSettings {
  return { ...defaultReplicationSettings, replicaLagTimeMaxUs, ...replication };
}

function groupSettings({ groupInitialRebalanceDelayUs, groups }: BrokerSettings): GroupSettings {
  const initialRebalanceDelayMs = Math.floor(groupInitialRebalanceDelayUs / usPerMs);
  return { ...defaultGroupSettings, initialRebalanceDelayMs, ...groups };
}

function metadataConfig(config: BrokerConfig): MetadataConfig {
  const { id, initialBrokers, hasStarted, endpoints, rack, raft, settings } = config;
  return {
    ...defaultMetadataConfig,
    id,
    initialBrokers: initialBrokers.map((broker): NodeId => broker.id),
    hasStarted,
    endpoints: endpoints.map(({ listener, host, port, securityProtocol }) => ({
      listener,
      host,
      port,
      securityProtocol: securityProtocols[securityProtocol],
    })),
    rack,
    raft,
    sessionTimeoutUs: settings.brokerSessionTimeoutUs,
    beatIntervalUs: Math.floor(settings.brokerSessionTimeoutUs / 4),
    commandTimeoutUs: settings.requestTimeoutUs,
    storeBacklogBytesMax: settings.storeBacklogBytesMax,
    trailingEntries: settings.trailingEntries,
    ...settings.metadata,
  };
}

/** What replication says leaves with the step, or waits until replication has returned. */
function replicationPort(given: {
  readonly output: StepOutput;
  readonly notices: Notices;
  readonly commands: Commands;
  readonly alterRefused: (
    key: PartitionKey,
    partitionEpoch: PartitionEpoch,
    outcome: 'refused' | 'unknown',
  ) => void;
  readonly confirmMetadata: () => number;
}): ReplicationPort {
  const { output, notices, commands, alterRefused, confirmMetadata } = given;
  return {
    confirmMetadata,
    send: (to, message) => output.send(to, message),
    persist: (appends) => output.append(appends),
    cut: (cuts) => output.cut(cuts),
    proposeAlterPartitions: (proposals) => {
      for (let at = 0; at < proposals.length; at += alterationsMax) {
        const some = proposals.slice(at, at + alterationsMax);
        commands.propose(alterPartitions(some), (outcome) => {
          some.forEach(({ key, partitionEpoch }, item) => {
            const end = endOfAlteration(outcome, item);
            if (end !== undefined) alterRefused(key, partitionEpoch, end);
          });
        });
      }
    },
    appendEnded: (token, end) => notices.add({ kind: 'appendEnded', token, end }),
    fetched: (token, partitions) => notices.add({ kind: 'fetched', token, partitions }),
    recordsDeleted: (token, end) => notices.add({ kind: 'recordsDeleted', token, end }),
    partitionLed: (key, leaderEpoch) => notices.add({ kind: 'partitionLed', key, leaderEpoch }),
    partitionLeft: (key) => notices.add({ kind: 'partitionLeft', key }),
    highWatermarkMoved: (key, highWatermark) => {
      notices.add({ kind: 'highWatermarkMoved', key, highWatermark });
    },
  };
}

/** All of them are this broker's, in its present life. */
function alterPartitions(
  proposals: readonly AlterPartitionProposal[],
): ReturnType<typeof createCommand<'alterPartition'>> {
  const { leader, brokerEpoch } = present(proposals[0], 'something is proposed');
  const partitions = proposals.map(({ key, leaderEpoch, partitionEpoch, newIsr }) => ({
    created: key.created,
    partition: key.partition,
    leaderEpoch,
    partitionEpoch,
    isr: newIsr.map(({ id, brokerEpoch: epoch }) => ({ broker: id, brokerEpoch: epoch })),
  }));
  return createCommand('alterPartition', { broker: leader, brokerEpoch, partitions });
}

/** Undefined: it was applied, and shows in the metadata. */
function endOfAlteration(outcome: MetadataOutcome, item: number): 'refused' | 'unknown' | undefined {
  if (outcome.kind === 'refused') return outcome.code === 'REQUEST_TIMED_OUT' ? 'unknown' : 'refused';
  const { result } = outcome;
  if (result.command !== 'alterPartition') return 'unknown';
  const { refusal } = present(result.partitions[item], 'each partition has an outcome of its own');
  // The last one was applied, too: by it somebody else leads.
  return refusal === undefined || refusal.code === 'NEW_LEADER_ELECTED' ? undefined : 'refused';
}

function requestContext(
  parts: Omit<BrokerParts, 'coordinators' | 'requests' | 'notices'>,
  prng: RequestContext['prng'],
): RequestContext {
  const { config, clock, output, metadata, commands, configs, replication, replicas, authorization, quotas } =
    parts;
  const image: MetadataImage = metadata.image;
  let lastToken = 0;
  return {
    config,
    image,
    configs,
    replication,
    authorization,
    quotas,
    prng,
    get nowUs() {
      return clock.nowUs;
    },
    get wallMs() {
      return clock.wallMs;
    },
    get controller() {
      return metadata.controller;
    },
    get isLeaderless() {
      return clock.nowUs - metadata.controllerLostUs >= config.settings.brokerSessionTimeoutUs;
    },
    logSize: (key) => {
      const log = replicas.replica(key)?.log;
      if (log === undefined) return undefined;
      const highWatermark = replication.replica(key)?.highWatermark ?? log.logEndOffset;
      return { sizeBytes: log.lengthBytes, lag: Math.max(highWatermark - log.logEndOffset, 0) };
    },
    activeProducers: (key) => replicas.replica(key)?.log.activeProducers() ?? [],
    nextToken: () => {
      lastToken += 1;
      return lastToken;
    },
    propose: (command, then) => commands.propose(command, then),
    answer: (requestId, body, throttleMs) => {
      output.reply(requestId, { kind: 'answered', body, throttleMs });
    },
    silence: (requestId) => output.reply(requestId, { kind: 'silent' }),
    disconnect: (requestId, reason) => output.reply(requestId, { kind: 'disconnect', reason }),
  };
}
