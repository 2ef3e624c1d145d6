import { unreachable } from '../../base/assert.ts';
import { decodeConfiguration } from '../../raft/configuration.ts';
import { type Entry } from '../../raft/types.ts';
import { createAcls, deleteAcls } from './apply-acls.ts';
import { registerBroker, beginControlledShutdown, fenceBroker, unfenceBroker } from './apply-brokers.ts';
import { alterConfigs, incrementalAlterConfigs } from './apply-configs.ts';
import { alterScramCredentials } from './apply-credentials.ts';
import { electLeaders } from './apply-elections.ts';
import { alterPartition } from './apply-partitions.ts';
import { alterClientQuotas } from './apply-quotas.ts';
import { alterReassignments } from './apply-reassignments.ts';
import { createPartitions, createTopic, deleteTopic } from './apply-topics.ts';
import { type CommandOrigin, decodeCommand } from './command-codec.ts';
import { type MetadataCommand } from './commands.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataOutcome, type MetadataRefusal, type MetadataResult } from './outcomes.ts';
import { refuseBrokerEpoch } from './refusals.ts';
import { type MetadataState } from './state.ts';

/** What became of a command that was applied. */
export interface AppliedCommand {
  readonly origin: CommandOrigin;
  readonly outcome: MetadataOutcome;
}

/** Producer ids that a broker takes at once, as in Kafka. */
export const producerIdBlockSize = 1_000;

/**
 * What an entry of the log makes of the metadata: the same on every broker, whenever it is applied. Undefined for what is no
 * command.
 */
export function applyEntry(
  state: MetadataState,
  entry: Entry,
  limits: MetadataLimits,
): AppliedCommand | undefined {
  state.enter(entry);
  switch (entry.kind) {
    case 'empty':
      return undefined;
    case 'configuration':
      state.configured(decodeConfiguration(entry.data));
      return undefined;
    case 'command': {
      const { origin, command } = decodeCommand(entry.data);
      return { origin, outcome: applyCommand(state, command, limits) };
    }
    default:
      return unreachable(entry.kind);
  }
}

/** Carries out a command, or refuses it and changes nothing. */
export function applyCommand(
  state: MetadataState,
  command: MetadataCommand,
  limits: MetadataLimits,
): MetadataOutcome {
  const result = execute(state, command, limits);
  if ('kind' in result) return result as MetadataRefusal;
  return {
    kind: 'done',
    index: state.index,
    result: { command: command.kind, ...result } as MetadataResult,
  };
}

function execute(state: MetadataState, command: MetadataCommand, limits: MetadataLimits): object {
  switch (command.kind) {
    case 'registerBroker':
      return registerBroker(state, command, limits);
    case 'unfenceBroker':
      return unfenceBroker(state, command);
    case 'fenceBroker':
      return fenceBroker(state, command);
    case 'beginControlledShutdown':
      return beginControlledShutdown(state, command);
    case 'createTopic':
      return createTopic(state, command, limits);
    case 'deleteTopic':
      return deleteTopic(state, command);
    case 'createPartitions':
      return createPartitions(state, command, limits);
    case 'alterPartition':
      return alterPartition(state, command);
    case 'alterConfigs':
      return alterConfigs(state, command, limits);
    case 'incrementalAlterConfigs':
      return incrementalAlterConfigs(state, command, limits);
    case 'allocateProducerIds': {
      const refusal = refuseBrokerEpoch(state, command.broker, command.brokerEpoch);
      const count = producerIdBlockSize;
      return refusal ?? { firstProducerId: state.takeProducerIds(count), count };
    }
    case 'electLeaders':
      return electLeaders(state, command);
    case 'alterReassignments':
      return alterReassignments(state, command, limits);
    case 'createAcls':
      return createAcls(state, command, limits);
    case 'deleteAcls':
      return deleteAcls(state, command);
    case 'alterScramCredentials':
      return alterScramCredentials(state, command, limits);
    case 'alterClientQuotas':
      return alterClientQuotas(state, command, limits);
    default:
      return unreachable(command);
  }
}
