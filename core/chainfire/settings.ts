import { bytesPerMib, usPerMs, usPerSecond } from '../base/units.ts';
import { defaultRaftOptions } from '../raft/types.ts';
import { type MemberConfig } from './member-protocol.ts';

/** Every setting that has a default. */
export const defaultMemberConfig: Omit<MemberConfig, 'clusterId' | 'id' | 'initialMembers' | 'clientUrls'> = {
  raft: defaultRaftOptions,
  requestBytesMax: 1.5 * bytesPerMib,
  txnOperationsMax: 128,
  pendingRequestsMax: 65_536,
  requestTimeoutUs: 7 * usPerSecond,
  storeBacklogBytesMax: 64 * bytesPerMib,
  trailingEntries: 5_000,
  compactionBatch: 100,
  compactionPauseUs: 5 * usPerMs,
  autoCompaction: undefined,
  clockDriftPpmMax: 1_000,
  leasesMax: 1_000_000,
  streamBytesMax: 8 * bytesPerMib,
  watchesPerStreamMax: 100_000,
  streamsMax: 100_000,
  watchFragmentBytes: 1.5 * bytesPerMib,
  watchProgressIntervalUs: 600 * usPerSecond,
  quotaBackendBytes: 8_192 * bytesPerMib,
  corruptionCheckIntervalUs: 0,
  initialCorruptionCheck: false,
  authTokenTtlUs: 300 * usPerSecond,
};
