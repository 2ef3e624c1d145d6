import { kafkaErrors } from '../../wire/kafka/error-codes.ts';
import {
  type CreateAclsRequest,
  type CreateAclsResponse,
  type DeleteAclsRequest,
  type DeleteAclsResponse,
  type DescribeAclsRequest,
  type DescribeAclsResponse,
} from '../../wire/kafka/messages/acls.ts';
import { matchesAclFilter, refuseAclFilter } from '../metadata/acl-filter.ts';
import { type AclFilter, createCommand } from '../metadata/commands.ts';
import { type Arrival, type RequestContext } from './context.ts';
import { type ErrorFields, errorOf, errorOfOutcome, noError } from './errors.ts';

const denied: ErrorFields = { errorCode: kafkaErrors.CLUSTER_AUTHORIZATION_FAILED, errorMessage: undefined };
const disabled: ErrorFields = {
  errorCode: kafkaErrors.SECURITY_DISABLED,
  errorMessage: 'access-control lists do not count on this cluster: it runs without an authorizer',
};

/** DescribeAcls (KIP-140, KIP-290): the lines that a filter matches, by resource. */
export function describeAcls(
  context: RequestContext,
  { requestId, body, client }: Arrival<DescribeAclsRequest>,
): void {
  const filter = filterOf(body);
  const meaningless = refuseAclFilter(filter);
  const refusal =
    refusalOf(context, client, 'describe') ?? (meaningless === undefined ? undefined : errorOf(meaningless));
  const found =
    refusal === undefined ? context.image.acls.filter((line) => matchesAclFilter(line, filter)) : [];
  const resources: DescribeAclsResponse['resources'][number][] = [];
  const lists = new Map<string, DescribeAclsResponse['resources'][number]['acls'][number][]>();
  for (const { resourceType, resourceName, patternType, ...line } of found) {
    const key = `${resourceType} ${patternType} ${resourceName}`;
    let acls = lists.get(key);
    if (acls === undefined) {
      acls = [];
      lists.set(key, acls);
      resources.push({ resourceType, resourceName, patternType, acls });
    }
    acls.push(line);
  }
  const answer = { throttleTimeMs: 0, ...(refusal ?? noError), resources };
  context.answer<'describeAcls'>(requestId, answer, 0);
}

/** CreateAcls: each line by itself. */
export function createAcls(
  context: RequestContext,
  { requestId, body, client }: Arrival<CreateAclsRequest>,
): void {
  const answer = (results: CreateAclsResponse['results']): void => {
    context.answer<'createAcls'>(requestId, { throttleTimeMs: 0, results }, 0);
  };
  const refusal = refusalOf(context, client, 'alter');
  if (refusal !== undefined) {
    answer(body.creations.map(() => refusal));
    return;
  }
  const acls = body.creations.map(({ resourcePatternType, ...line }) => ({
    ...line,
    patternType: resourcePatternType,
  }));
  context.propose(createCommand('createAcls', { acls }), (outcome) => {
    const result =
      outcome.kind === 'done' && outcome.result.command === 'createAcls' ? outcome.result : undefined;
    answer(
      body.creations.map((_, at) =>
        result === undefined ? errorOfOutcome(outcome) : errorOf(result.acls[at]?.refusal),
      ),
    );
  });
}

/** DeleteAcls: whatever each filter matches. */
export function deleteAcls(
  context: RequestContext,
  { requestId, body, client }: Arrival<DeleteAclsRequest>,
): void {
  const answer = (filterResults: DeleteAclsResponse['filterResults']): void => {
    context.answer<'deleteAcls'>(requestId, { throttleTimeMs: 0, filterResults }, 0);
  };
  const refusal = refusalOf(context, client, 'alter');
  if (refusal !== undefined) {
    answer(body.filters.map(() => ({ ...refusal, matchingAcls: [] })));
    return;
  }
  context.propose(createCommand('deleteAcls', { filters: body.filters.map(filterOf) }), (outcome) => {
    const result =
      outcome.kind === 'done' && outcome.result.command === 'deleteAcls' ? outcome.result : undefined;
    answer(
      body.filters.map((_, at) => {
        const filter = result?.filters[at];
        if (filter === undefined) return { ...errorOfOutcome(outcome), matchingAcls: [] };
        const matchingAcls = filter.deleted.map((line) => ({ ...noError, ...line }));
        return { ...errorOf(filter.refusal), matchingAcls };
      }),
    );
  });
}

function refusalOf(
  { authorization }: RequestContext,
  client: Arrival<unknown>['client'],
  operation: 'describe' | 'alter',
): ErrorFields | undefined {
  if (!authorization.authorizes) return disabled;
  return authorization.allowsCluster(client, operation) ? undefined : denied;
}

function filterOf(filter: DescribeAclsRequest): AclFilter {
  return {
    resourceType: filter.resourceTypeFilter,
    resourceName: filter.resourceNameFilter,
    patternType: filter.patternTypeFilter,
    principal: filter.principalFilter,
    host: filter.hostFilter,
    operation: filter.operation,
    permissionType: filter.permissionType,
  };
}
