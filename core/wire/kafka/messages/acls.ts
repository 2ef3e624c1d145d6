import { type Infer, int16, int32, int8, list, message, string } from '../schema.ts';

/** Asks for the access control entries that match a filter (KIP-140, KIP-290). */
export const DescribeAclsRequest = message(
  'DescribeAclsRequest',
  { versions: '0-3', flexible: '2+' },
  {
    resourceTypeFilter: int8('0+'),
    resourceNameFilter: string('0+', { nullable: '0+' }),
    patternTypeFilter: int8('1+', { default: 3 }),
    principalFilter: string('0+', { nullable: '0+' }),
    hostFilter: string('0+', { nullable: '0+' }),
    operation: int8('0+'),
    permissionType: int8('0+'),
  },
);
export type DescribeAclsRequest = Infer<typeof DescribeAclsRequest>;

/** The entries, by resource. */
export const DescribeAclsResponse = message(
  'DescribeAclsResponse',
  { versions: '0-3', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    errorCode: int16('0+'),
    errorMessage: string('0+', { nullable: '0+' }),
    resources: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      patternType: int8('1+', { default: 3 }),
      acls: list('0+', {
        principal: string('0+'),
        host: string('0+'),
        operation: int8('0+'),
        permissionType: int8('0+'),
      }),
    }),
  },
);
export type DescribeAclsResponse = Infer<typeof DescribeAclsResponse>;

/** Adds access control entries (KIP-140). */
export const CreateAclsRequest = message(
  'CreateAclsRequest',
  { versions: '0-3', flexible: '2+' },
  {
    creations: list('0+', {
      resourceType: int8('0+'),
      resourceName: string('0+'),
      resourcePatternType: int8('1+', { default: 3 }),
      principal: string('0+'),
      host: string('0+'),
      operation: int8('0+'),
      permissionType: int8('0+'),
    }),
  },
);
export type CreateAclsRequest = Infer<typeof CreateAclsRequest>;

/** How it went, in the order of the request. */
export const CreateAclsResponse = message(
  'CreateAclsResponse',
  { versions: '0-3', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
    }),
  },
);
export type CreateAclsResponse = Infer<typeof CreateAclsResponse>;

/** Removes the entries that match any of the filters (KIP-140). */
export const DeleteAclsRequest = message(
  'DeleteAclsRequest',
  { versions: '0-3', flexible: '2+' },
  {
    filters: list('0+', {
      resourceTypeFilter: int8('0+'),
      resourceNameFilter: string('0+', { nullable: '0+' }),
      patternTypeFilter: int8('1+', { default: 3 }),
      principalFilter: string('0+', { nullable: '0+' }),
      hostFilter: string('0+', { nullable: '0+' }),
      operation: int8('0+'),
      permissionType: int8('0+'),
    }),
  },
);
export type DeleteAclsRequest = Infer<typeof DeleteAclsRequest>;

/** What each filter has removed. */
export const DeleteAclsResponse = message(
  'DeleteAclsResponse',
  { versions: '0-3', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    filterResults: list('0+', {
      errorCode: int16('0+'),
      errorMessage: string('0+', { nullable: '0+' }),
      matchingAcls: list('0+', {
        errorCode: int16('0+'),
        errorMessage: string('0+', { nullable: '0+' }),
        resourceType: int8('0+'),
        resourceName: string('0+'),
        patternType: int8('1+', { default: 3 }),
        principal: string('0+'),
        host: string('0+'),
        operation: int8('0+'),
        permissionType: int8('0+'),
      }),
    }),
  },
);
export type DeleteAclsResponse = Infer<typeof DeleteAclsResponse>;
