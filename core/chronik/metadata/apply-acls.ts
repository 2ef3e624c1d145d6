import { refused } from '../../base/refusal.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { type AclFilter, type CommandOf } from './commands.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { itemDone, shown } from './refusals.ts';
import { type AclBinding } from './rows.ts';
import { aclPatterns, anyResource } from './security-state.ts';
import { type MetadataState } from './state.ts';

/** Kafka's numbers: KIP-11, KIP-290. */
export const aclResources = {
  topic: 2,
  group: 3,
  cluster: 4,
  transactionalId: 5,
  delegationToken: 6,
  user: 7,
} as const;
export const aclOperations = {
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  clusterAction: 9,
  describeConfigs: 10,
  alterConfigs: 11,
  idempotentWrite: 12,
  createTokens: 13,
  describeTokens: 14,
} as const;
export const aclPermissions = { deny: 2, allow: 3 } as const;
/** In a filter: whatever it is. */
export const anyAclNumber = 1;
/** The one resource of type cluster. */
export const clusterResourceName = 'kafka-cluster';

const resourceNumbers: readonly number[] = Object.values(aclResources);
const operationNumbers: readonly number[] = Object.values(aclOperations);
const permissionNumbers: readonly number[] = Object.values(aclPermissions);
const principalPattern = /^[A-Za-z]+:.+$/s;

/** Each is made by itself; one that is there already is made again for nothing. */
export function createAcls(
  state: MetadataState,
  { acls }: CommandOf<'createAcls'>,
  limits: MetadataLimits,
): MetadataResults['createAcls'] {
  const { security } = state;
  return {
    acls: acls.map((acl, number) => {
      const refusal = refuseAcl(acl, limits);
      if (refusal !== undefined) return { refusal };
      if (!security.hasAcl(acl) && security.aclCount >= limits.aclsMax) {
        return { refusal: refused('POLICY_VIOLATION', `a cluster has ${limits.aclsMax} ACLs at most`) };
      }
      security.addAcl(acl, state.index, number);
      return itemDone;
    }),
  };
}

export function deleteAcls(
  state: MetadataState,
  { filters }: CommandOf<'deleteAcls'>,
): MetadataResults['deleteAcls'] {
  const { security } = state;
  return {
    filters: filters.map((filter) => {
      const refusal = refuseAclFilter(filter);
      if (refusal !== undefined) return { refusal, deleted: [] };
      const deleted = security.acls.filter((acl) => matchesAclFilter(acl, filter));
      for (const acl of deleted) security.removeAcl(acl);
      return { refusal: undefined, deleted };
    }),
  };
}

/** @returns a refusal for a filter of numbers that mean nothing */
export function refuseAclFilter(filter: AclFilter): MetadataRefusal | undefined {
  const { resourceType, patternType, operation, permissionType } = filter;
  const patterns: readonly number[] = Object.values(aclPatterns);
  if (!isOf(resourceNumbers, resourceType)) return invalid(`resource type ${resourceType}`, '1 to 7');
  if (!patterns.includes(patternType)) return invalid(`pattern type ${patternType}`, '1 to 4');
  if (!isOf(operationNumbers, operation)) return invalid(`operation ${operation}`, '1 to 14');
  if (!isOf(permissionNumbers, permissionType)) return invalid(`permission type ${permissionType}`, '1 to 3');
  return undefined;
}

/** KIP-290's rules. */
export function matchesAclFilter(acl: AclBinding, filter: AclFilter): boolean {
  return (
    matchesNumber(acl.resourceType, filter.resourceType) &&
    matchesNumber(acl.operation, filter.operation) &&
    matchesNumber(acl.permissionType, filter.permissionType) &&
    matchesText(acl.principal, filter.principal) &&
    matchesText(acl.host, filter.host) &&
    matchesName(acl, filter)
  );
}

function matchesName({ patternType, resourceName }: AclBinding, filter: AclFilter): boolean {
  const { patternType: wanted, resourceName: name } = filter;
  if (wanted === aclPatterns.any) return matchesText(resourceName, name);
  if (wanted !== aclPatterns.match) return patternType === wanted && matchesText(resourceName, name);
  if (name === undefined) return true;
  if (patternType === aclPatterns.prefixed) return name.startsWith(resourceName);
  return resourceName === name || resourceName === anyResource;
}

function matchesNumber(value: number, wanted: number): boolean {
  return wanted === anyAclNumber || value === wanted;
}

function matchesText(value: string, wanted: string | undefined): boolean {
  return wanted === undefined || value === wanted;
}

function isOf(numbers: readonly number[], value: number): boolean {
  return value === anyAclNumber || numbers.includes(value);
}

function refuseAcl(acl: AclBinding, { textBytesMax }: MetadataLimits): MetadataRefusal | undefined {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = acl;
  if (!resourceNumbers.includes(resourceType)) return invalid(`resource type ${resourceType}`, '2 to 7');
  if (patternType !== aclPatterns.literal && patternType !== aclPatterns.prefixed) {
    return invalid(`pattern type ${patternType}`, '3 (literal) and 4 (prefixed)');
  }
  if (!operationNumbers.includes(operation)) return invalid(`operation ${operation}`, '2 to 14');
  if (!permissionNumbers.includes(permissionType)) {
    return invalid(`permission type ${permissionType}`, '2 (deny) and 3 (allow)');
  }
  if (resourceName === '') return refused('INVALID_REQUEST', 'an ACL names a resource');
  if (resourceType === aclResources.cluster && resourceName !== clusterResourceName) {
    return invalid(`cluster ${shown(resourceName)}`, clusterResourceName);
  }
  if (!principalPattern.test(principal)) {
    return refused('INVALID_REQUEST', `principal ${shown(principal)} is not of the form User:name`);
  }
  if (host === '') return refused('INVALID_REQUEST', 'an ACL names a host, or * for every host');
  for (const text of [resourceName, principal, host]) {
    if (utf8LengthOf(text) <= textBytesMax) continue;
    return refused('INVALID_REQUEST', `names in an ACL have ${textBytesMax} bytes at most`);
  }
  return undefined;
}

function invalid(what: string, allowed: string): MetadataRefusal {
  return refused('INVALID_REQUEST', `${what} is not allowed here; allowed: ${allowed}`);
}
