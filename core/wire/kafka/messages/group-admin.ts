import { type Infer, bool, bytes, int16, int32, list, message, string } from '../schema.ts';

/** Asks for groups and their members. */
export const DescribeGroupsRequest = message(
  'DescribeGroupsRequest',
  { versions: '0-5', flexible: '5+' },
  {
    groups: list('0+', string),
    includeAuthorizedOperations: bool('3+'),
  },
);
export type DescribeGroupsRequest = Infer<typeof DescribeGroupsRequest>;

/** State, members and assignments, by group. */
export const DescribeGroupsResponse = message(
  'DescribeGroupsResponse',
  { versions: '0-5', flexible: '5+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    groups: list('0+', {
      errorCode: int16('0+'),
      groupId: string('0+'),
      groupState: string('0+'),
      protocolType: string('0+'),
      protocolData: string('0+'),
      members: list('0+', {
        memberId: string('0+'),
        groupInstanceId: string('4+', { nullable: '4+', ignorable: true, default: null }),
        clientId: string('0+'),
        clientHost: string('0+'),
        memberMetadata: bytes('0+'),
        memberAssignment: bytes('0+'),
      }),
      authorizedOperations: int32('3+', { default: -2147483648 }),
    }),
  },
);
export type DescribeGroupsResponse = Infer<typeof DescribeGroupsResponse>;

/** Asks for a coordinator's groups, of given states from version 4 on (KIP-518). */
export const ListGroupsRequest = message(
  'ListGroupsRequest',
  { versions: '0-4', flexible: '3+' },
  {
    statesFilter: list('4+', string),
  },
);
export type ListGroupsRequest = Infer<typeof ListGroupsRequest>;

/** The groups. */
export const ListGroupsResponse = message(
  'ListGroupsResponse',
  { versions: '0-4', flexible: '3+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0+'),
    groups: list('0+', {
      groupId: string('0+'),
      protocolType: string('0+'),
      groupState: string('4+', { ignorable: true }),
    }),
  },
);
export type ListGroupsResponse = Infer<typeof ListGroupsResponse>;

/** Removes groups that have no members (KIP-229). */
export const DeleteGroupsRequest = message(
  'DeleteGroupsRequest',
  { versions: '0-2', flexible: '2+' },
  {
    groupsNames: list('0+', string),
  },
);
export type DeleteGroupsRequest = Infer<typeof DeleteGroupsRequest>;

/** How it went, by group. */
export const DeleteGroupsResponse = message(
  'DeleteGroupsResponse',
  { versions: '0-2', flexible: '2+' },
  {
    throttleTimeMs: int32('0+'),
    results: list('0+', {
      groupId: string('0+'),
      errorCode: int16('0+'),
    }),
  },
);
export type DeleteGroupsResponse = Infer<typeof DeleteGroupsResponse>;
