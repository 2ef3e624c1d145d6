import { type Infer, bool, bytes, int16, int32, int8, list, message, string } from '../schema.ts';

/** Asks who coordinates groups (key type 0) or transactions (1); many keys from version 4 on (KIP-699). */
export const FindCoordinatorRequest = message(
  'FindCoordinatorRequest',
  { versions: '0-4', flexible: '3+' },
  {
    key: string('0-3'),
    keyType: int8('1+'),
    coordinatorKeys: list('4+', string),
  },
);
export type FindCoordinatorRequest = Infer<typeof FindCoordinatorRequest>;

/** The coordinators. */
export const FindCoordinatorResponse = message(
  'FindCoordinatorResponse',
  { versions: '0-4', flexible: '3+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0-3'),
    errorMessage: string('1-3', { nullable: '1-3', ignorable: true }),
    nodeId: int32('0-3'),
    host: string('0-3'),
    port: int32('0-3'),
    coordinators: list('4+', {
      key: string('4+'),
      nodeId: int32('4+'),
      host: string('4+'),
      port: int32('4+'),
      errorCode: int16('4+'),
      errorMessage: string('4+', { nullable: '4+', ignorable: true }),
    }),
  },
);
export type FindCoordinatorResponse = Infer<typeof FindCoordinatorResponse>;

/** Joins a group or begins its next generation (KIP-345: static members, KIP-394: the id first, KIP-800: why). */
export const JoinGroupRequest = message(
  'JoinGroupRequest',
  { versions: '0-9', flexible: '6+' },
  {
    groupId: string('0+'),
    sessionTimeoutMs: int32('0+'),
    rebalanceTimeoutMs: int32('1+', { ignorable: true, default: -1 }),
    memberId: string('0+'),
    groupInstanceId: string('5+', { nullable: '5+', default: null }),
    protocolType: string('0+'),
    protocols: list('0+', {
      name: string('0+'),
      metadata: bytes('0+'),
    }),
    reason: string('8+', { nullable: '8+', ignorable: true, default: null }),
  },
);
export type JoinGroupRequest = Infer<typeof JoinGroupRequest>;

/** The generation; its leader learns the members. */
export const JoinGroupResponse = message(
  'JoinGroupResponse',
  { versions: '0-9', flexible: '6+' },
  {
    throttleTimeMs: int32('2+', { ignorable: true }),
    errorCode: int16('0+'),
    generationId: int32('0+', { default: -1 }),
    protocolType: string('7+', { nullable: '7+', ignorable: true, default: null }),
    protocolName: string('0+', { nullable: '7+' }),
    leader: string('0+'),
    skipAssignment: bool('9+'),
    memberId: string('0+'),
    members: list('0+', {
      memberId: string('0+'),
      groupInstanceId: string('5+', { nullable: '5+', ignorable: true, default: null }),
      metadata: bytes('0+'),
    }),
  },
);
export type JoinGroupResponse = Infer<typeof JoinGroupResponse>;

/** Fetches a member's assignment; the leader's brings all of them. */
export const SyncGroupRequest = message(
  'SyncGroupRequest',
  { versions: '0-5', flexible: '4+' },
  {
    groupId: string('0+'),
    generationId: int32('0+'),
    memberId: string('0+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
    protocolType: string('5+', { nullable: '5+', ignorable: true, default: null }),
    protocolName: string('5+', { nullable: '5+', ignorable: true, default: null }),
    assignments: list('0+', {
      memberId: string('0+'),
      assignment: bytes('0+'),
    }),
  },
);
export type SyncGroupRequest = Infer<typeof SyncGroupRequest>;

/** The assignment. */
export const SyncGroupResponse = message(
  'SyncGroupResponse',
  { versions: '0-5', flexible: '4+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0+'),
    protocolType: string('5+', { nullable: '5+', ignorable: true, default: null }),
    protocolName: string('5+', { nullable: '5+', ignorable: true, default: null }),
    assignment: bytes('0+'),
  },
);
export type SyncGroupResponse = Infer<typeof SyncGroupResponse>;

/** Tells that a member lives. */
export const HeartbeatRequest = message(
  'HeartbeatRequest',
  { versions: '0-4', flexible: '4+' },
  {
    groupId: string('0+'),
    generationId: int32('0+'),
    memberId: string('0+'),
    groupInstanceId: string('3+', { nullable: '3+', default: null }),
  },
);
export type HeartbeatRequest = Infer<typeof HeartbeatRequest>;

/** Whether its generation still stands. */
export const HeartbeatResponse = message(
  'HeartbeatResponse',
  { versions: '0-4', flexible: '4+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0+'),
  },
);
export type HeartbeatResponse = Infer<typeof HeartbeatResponse>;

/** Takes members out of a group: one, from version 3 on many (KIP-345). */
export const LeaveGroupRequest = message(
  'LeaveGroupRequest',
  { versions: '0-5', flexible: '4+' },
  {
    groupId: string('0+'),
    memberId: string('0-2'),
    members: list('3+', {
      memberId: string('3+'),
      groupInstanceId: string('3+', { nullable: '3+', default: null }),
      reason: string('5+', { nullable: '5+', ignorable: true, default: null }),
    }),
  },
);
export type LeaveGroupRequest = Infer<typeof LeaveGroupRequest>;

/** How it went, by member. */
export const LeaveGroupResponse = message(
  'LeaveGroupResponse',
  { versions: '0-5', flexible: '4+' },
  {
    throttleTimeMs: int32('1+', { ignorable: true }),
    errorCode: int16('0+'),
    members: list('3+', {
      memberId: string('3+'),
      groupInstanceId: string('3+', { nullable: '3+' }),
      errorCode: int16('3+'),
    }),
  },
);
export type LeaveGroupResponse = Infer<typeof LeaveGroupResponse>;
