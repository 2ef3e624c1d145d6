export const metaTable = 'meta';
export const brokerTable = 'brokers';
export const topicTable = 'topics';
export const partitionTable = 'partitions';
export const configTable = 'configs';
export const aclTable = 'acls';
export const scramTable = 'scram';
export const quotaTable = 'quotas';

/** Tables of a broker's ordered store; a snapshot is all of them. */
export const metadataTables: readonly string[] = [
  brokerTable,
  topicTable,
  partitionTable,
  configTable,
  aclTable,
  scramTable,
  quotaTable,
  metaTable,
];
