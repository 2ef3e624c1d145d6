import { refused } from '../../base/refusal.ts';
import { utf8LengthOf } from '../../base/utf8.ts';
import { matchesAclFilter, refuseAclFilter } from './acl-filter.ts';
import { aclOperations, clusterName, patternTypes, permissionTypes, resourceTypes } from './acl-numbers.ts';
import { type CommandOf } from './commands.ts';
import { type MetadataLimits } from './limits.ts';
import { type MetadataRefusal, type MetadataResults } from './outcomes.ts';
import { itemDone, shown } from './refusals.ts';
import { type AclBinding } from './rows.ts';
import { type MetadataState } from './state.ts';

/** In all of the lists the number of what matches everything. */
const anyNumber = 1;
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

function refuseAcl(acl: AclBinding, { textBytesMax }: MetadataLimits): MetadataRefusal | undefined {
  const { resourceType, resourceName, patternType, principal, host, operation, permissionType } = acl;
  if (!isOwn(resourceType, resourceTypes)) return invalid(`resource type ${resourceType}`, '2 to 7');
  if (patternType !== patternTypes.literal && patternType !== patternTypes.prefixed) {
    return invalid(`pattern type ${patternType}`, '3 (literal) and 4 (prefixed)');
  }
  if (!isOwn(operation, aclOperations)) return invalid(`operation ${operation}`, '2 to 14');
  if (!isOwn(permissionType, permissionTypes)) {
    return invalid(`permission type ${permissionType}`, '2 (deny) and 3 (allow)');
  }
  if (resourceName === '') return refused('INVALID_REQUEST', 'an ACL names a resource');
  if (resourceType === resourceTypes.cluster && resourceName !== clusterName) {
    return invalid(`cluster ${shown(resourceName)}`, clusterName);
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

/** Says something by itself, as what matches everything does not. */
function isOwn(number: number, known: Readonly<Record<string, number>>): boolean {
  return number > anyNumber && Object.values(known).includes(number);
}

function invalid(what: string, allowed: string): MetadataRefusal {
  return refused('INVALID_REQUEST', `${what} is not allowed here; allowed: ${allowed}`);
}
