import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type AlterClientQuotasRequest,
  type AlterClientQuotasResponse,
  type DescribeClientQuotasRequest,
  type DescribeClientQuotasResponse,
} from '../../wire/kafka/messages/quotas.ts';
import { createCommand } from '../metadata/commands.ts';
import { type QuotaState } from '../metadata/rows.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { type ErrorFields, errorOf, errorOfOutcome, noError } from './errors.ts';

const denied: ErrorFields = { errorCode: kafkaErrors.CLUSTER_AUTHORIZATION_FAILED, errorMessage: undefined };

type Component = DescribeClientQuotasRequest['components'][number];

/** What a part of an entity must be, by Kafka's numbers (KIP-546): this name, whoever has none of his own, or anybody. */
const matchTypes = { exact: 0, default: 1, specified: 2 } as const;

/** DescribeClientQuotas: of the entities that the filter matches. */
export function describeClientQuotas(
  context: RequestContext,
  { requestId, body, client }: Arrival<DescribeClientQuotasRequest>,
): void {
  const answer = (error: ErrorFields, entries: DescribeClientQuotasResponse['entries']): void => {
    context.answer<'describeClientQuotas'>(requestId, { throttleTimeMs: 0, ...error, entries }, 0);
  };
  if (!context.authorization.allowsCluster(client, 'describeConfigs')) {
    answer(denied, undefined);
    return;
  }
  const wrong = body.components.find(({ matchType }) => matchType < 0 || matchType > matchTypes.specified);
  if (wrong !== undefined) {
    const errorMessage = `match type ${wrong.matchType} is none: 0 is a name, 1 the default, 2 any`;
    answer({ errorCode: kafkaErrors.INVALID_REQUEST, errorMessage }, undefined);
    return;
  }
  const entries = context.image
    .quotas()
    .filter((row) => matches(row, body))
    .map(({ entity, values }) => ({
      entity: entity.map(({ type, name }) => ({ entityType: type, entityName: name })),
      values,
    }));
  answer(noError, entries);
}

function matches({ entity }: QuotaState, { components, strict }: DescribeClientQuotasRequest): boolean {
  if (strict && entity.length !== components.length) return false;
  return components.every((component) => {
    const part = entity.find(({ type }) => type === component.entityType);
    return part !== undefined && matchesPart(part.name, component);
  });
}

function matchesPart(name: string | undefined, { matchType, match }: Component): boolean {
  if (matchType === matchTypes.exact) return name !== undefined && name === match;
  return matchType === matchTypes.specified || name === undefined;
}

/** AlterClientQuotas: each entity by itself. */
export function alterClientQuotas(
  context: RequestContext,
  { requestId, body, client }: Arrival<AlterClientQuotasRequest>,
): void {
  const answer = (errors: (at: number) => ErrorFields): void => {
    const entries: AlterClientQuotasResponse['entries'] = body.entries.map(({ entity }, at) => ({
      ...errors(at),
      entity,
    }));
    context.answer<'alterClientQuotas'>(requestId, { throttleTimeMs: 0, entries }, 0);
  };
  if (!context.authorization.allowsCluster(client, 'alterConfigs')) {
    answer(() => denied);
    return;
  }
  const alterations = body.entries.map(({ entity, ops }) => ({
    entity: entity.map(({ entityType, entityName }) => ({ type: entityType, name: entityName })),
    operations: ops,
  }));
  const command = createCommand('alterClientQuotas', { alterations, validateOnly: body.validateOnly });
  context.propose(command, (outcome) => {
    const isDone = outcome.kind === 'done' && outcome.result.command === 'alterClientQuotas';
    const entities = isDone && 'entities' in outcome.result ? outcome.result.entities : undefined;
    answer((at) => (entities === undefined ? errorOfOutcome(outcome) : errorOf(entities[at]?.refusal)));
  });
}
