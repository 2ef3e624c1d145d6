/**
 * What the metadata holds at most. Each is checked where a command is applied, so that they are rules of the replicated state:
 * all brokers of a cluster have the same.
 */
export interface MetadataLimits {
  readonly brokersMax: number;
  readonly topicsMax: number;
  /** Of all topics. */
  readonly partitionsMax: number;
  readonly partitionsPerTopicMax: number;
  readonly replicationFactorMax: number;
  readonly endpointsPerBrokerMax: number;
  readonly aclsMax: number;
  readonly scramCredentialsMax: number;
  readonly quotasMax: number;
  /** Bytes of a configuration value, a principal, a host or any other text that somebody sets. */
  readonly textBytesMax: number;
}

export const defaultMetadataLimits: MetadataLimits = {
  brokersMax: 1_000,
  topicsMax: 50_000,
  partitionsMax: 100_000,
  partitionsPerTopicMax: 10_000,
  replicationFactorMax: 16,
  endpointsPerBrokerMax: 16,
  aclsMax: 20_000,
  scramCredentialsMax: 10_000,
  quotasMax: 10_000,
  textBytesMax: 4_096,
};
