/** Numbers of access-control lists in Kafka's protocol (KIP-140, KIP-290). `any` and `unknown` occur in filters alone. */
export const resourceTypes = {
  unknown: 0,
  any: 1,
  topic: 2,
  group: 3,
  cluster: 4,
  transactionalId: 5,
  delegationToken: 6,
  user: 7,
} as const;

/** `match` occurs in filters alone: whatever speaks of the name, literally, by a prefix, or as `*`. */
export const patternTypes = { unknown: 0, any: 1, match: 2, literal: 3, prefixed: 4 } as const;

export const aclOperations = {
  unknown: 0,
  any: 1,
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

export const permissionTypes = { unknown: 0, any: 1, deny: 2, allow: 3 } as const;

/** The one resource of type cluster. */
export const clusterName = 'kafka-cluster';
/** A resource's name that stands for every one, a host that stands for every one. */
export const anyName = '*';
