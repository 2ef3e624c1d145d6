import { refused } from '../../base/refusal.ts';
import { aclOperations, anyName, patternTypes, permissionTypes, resourceTypes } from './acl-numbers.ts';
import { type AclFilter } from './commands.ts';
import { type MetadataRefusal } from './outcomes.ts';
import { type AclBinding } from './rows.ts';

/** Whether a filter speaks of an ACL, by KIP-290's rules: where they are listed as where they are deleted. */
export function matchesAclFilter(acl: AclBinding, filter: AclFilter): boolean {
  return (
    matchesNumber(acl.resourceType, filter.resourceType, resourceTypes.any) &&
    matchesNumber(acl.operation, filter.operation, aclOperations.any) &&
    matchesNumber(acl.permissionType, filter.permissionType, permissionTypes.any) &&
    matchesText(acl.principal, filter.principal) &&
    matchesText(acl.host, filter.host) &&
    matchesName(acl, filter)
  );
}

/** @returns a refusal for a filter of numbers that mean nothing */
export function refuseAclFilter(filter: AclFilter): MetadataRefusal | undefined {
  return (
    refuseNumber('resource type', filter.resourceType, Object.values(resourceTypes)) ??
    refuseNumber('pattern type', filter.patternType, Object.values(patternTypes)) ??
    refuseNumber('operation', filter.operation, Object.values(aclOperations)) ??
    refuseNumber('permission type', filter.permissionType, Object.values(permissionTypes))
  );
}

function refuseNumber(what: string, number: number, known: readonly number[]): MetadataRefusal | undefined {
  // The first of each, 0, is what a client says that does not know what it means.
  if (number !== 0 && known.includes(number)) return undefined;
  return refused('INVALID_REQUEST', `${what} ${number} of a filter is not 1 (any) to ${known.length - 1}`);
}

function matchesName({ patternType, resourceName }: AclBinding, filter: AclFilter): boolean {
  const { patternType: wanted, resourceName: name } = filter;
  if (wanted !== patternTypes.match) {
    return matchesNumber(patternType, wanted, patternTypes.any) && matchesText(resourceName, name);
  }
  if (name === undefined) return true;
  if (patternType === patternTypes.prefixed) return name.startsWith(resourceName);
  return resourceName === name || resourceName === anyName;
}

function matchesNumber(value: number, wanted: number, any: number): boolean {
  return wanted === any || value === wanted;
}

function matchesText(value: string, wanted: string | undefined): boolean {
  return wanted === undefined || value === wanted;
}
