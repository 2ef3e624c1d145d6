import { type KafkaCluster, type Target } from '../../adapters/kafka/client/cluster.ts';
import { refusedBy } from '../../adapters/kafka/client/errors.ts';
import { apis } from '../../core/wire/kafka/apis.ts';
import { kafkaErrorOf } from '../../core/wire/kafka/error-codes.ts';
import { retriableOf } from './parts.ts';

/** What has settings: numbers of the protocol. */
export const topicResource = 2;
export const brokerResource = 4;

export interface Setting {
  readonly name: string;
  /** Undefined where it is secret. */
  readonly value: string | undefined;
  readonly isDefault: boolean;
}

export interface Changes {
  readonly set: readonly (readonly [name: string, value: string])[];
  /** Back to their defaults. */
  readonly remove: readonly string[];
}

/** From which source a setting comes that nobody has set. */
const defaultSource = 5;
const staticBrokerSource = 4;
const setOperation = 0;
const deleteOperation = 1;

export async function describeSettings(
  cluster: KafkaCluster,
  resourceType: number,
  resourceName: string,
): Promise<readonly Setting[]> {
  const body = apis.describeConfigs.request.create({
    resources: [{ resourceType, resourceName, configurationKeys: undefined }],
  });
  const answer = await cluster.call(targetOf(resourceType, resourceName), 'describeConfigs', body, {
    errorOf: ({ results }) => retriableOf(results),
  });
  return answer.results.flatMap((result) => {
    const error = kafkaErrorOf(result.errorCode);
    if (error !== 'NONE') throw refusedBy(resourceName, error, result.errorMessage);
    return result.configs
      .map(({ name, value, configSource }) => ({
        name,
        value,
        isDefault: configSource === defaultSource || configSource === staticBrokerSource,
      }))
      .sort((left, right) => (left.name < right.name ? -1 : 1));
  });
}

export async function changeSettings(
  cluster: KafkaCluster,
  resourceType: number,
  resourceName: string,
  { set, remove }: Changes,
): Promise<void> {
  const configs = [
    ...set.map(([name, value]) => ({ name, configOperation: setOperation, value })),
    ...remove.map((name) => ({ name, configOperation: deleteOperation, value: undefined })),
  ];
  const body = apis.incrementalAlterConfigs.request.create({
    resources: [{ resourceType, resourceName, configs }],
  });
  const answer = await cluster.call(targetOf(resourceType, resourceName), 'incrementalAlterConfigs', body, {
    errorOf: ({ responses }) => retriableOf(responses),
  });
  for (const { errorCode, errorMessage } of answer.responses) {
    if (errorCode !== 0) throw refusedBy(resourceName, kafkaErrorOf(errorCode), errorMessage);
  }
}

/** A broker's settings are its own affair. */
function targetOf(resourceType: number, resourceName: string): Target {
  if (resourceType === brokerResource && resourceName !== '')
    return { kind: 'broker', id: Number(resourceName) };
  return { kind: 'any' };
}
