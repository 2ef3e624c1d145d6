import { type MemberObservation } from './observation.ts';

/**
 * A number that every scrape reads anew, and the names that it goes by: ours first, etcd's beside it where the meaning is the
 * same, so that dashboards and alerts made for etcd work.
 */
export interface Reading {
  readonly kind: 'gauge' | 'counter';
  readonly help: string;
  readonly names: readonly string[];
  read(this: void, observation: MemberObservation): number;
}

type Read = Reading['read'];

function gauge(read: Read, help: string, ...names: readonly string[]): Reading {
  return { kind: 'gauge', read, help, names };
}

/** Since the process started. */
function counter(read: Read, help: string, ...names: readonly string[]): Reading {
  return { kind: 'counter', read, help, names };
}

export const readings: readonly Reading[] = [
  gauge(
    (of) => Number(of.hasLeader),
    '1 when the member knows a leader',
    'photon_chainfire_has_leader',
    'etcd_server_has_leader',
  ),
  gauge(
    (of) => Number(of.isLeader),
    '1 when the member is the leader',
    'photon_chainfire_is_leader',
    'etcd_server_is_leader',
  ),
  gauge(
    (of) => Number(of.isLearner),
    '1 when the member has no vote',
    'photon_chainfire_is_learner',
    'etcd_server_is_learner',
  ),
  gauge(
    (of) => Number(of.repairing),
    '1 while the member refetches a damaged part of its log',
    'photon_chainfire_is_repairing',
  ),
  gauge((of) => of.term, 'Election term', 'photon_chainfire_raft_term'),
  gauge(
    (of) => of.commitIndex,
    'Highest log index known to be committed',
    'photon_chainfire_raft_committed_index',
    'etcd_server_proposals_committed_total',
  ),
  gauge(
    (of) => of.appliedIndex,
    'Highest log index applied to the store',
    'photon_chainfire_raft_applied_index',
    'etcd_server_proposals_applied_total',
  ),
  gauge(
    (of) => of.syncedIndex,
    "Highest log index durable in the member's own log",
    'photon_chainfire_raft_synced_index',
  ),
  gauge(
    (of) => of.storedIndex,
    'Highest log index whose effects are durable in the store',
    'photon_chainfire_raft_stored_index',
  ),
  gauge((of) => of.firstIndex, 'Lowest log index that the log holds', 'photon_chainfire_raft_first_index'),
  gauge((of) => of.lastIndex, 'Highest log index that the log holds', 'photon_chainfire_raft_last_index'),
  gauge(
    (of) => of.revision,
    'Revision of the store',
    'photon_chainfire_revision',
    'etcd_debugging_mvcc_current_revision',
  ),
  gauge(
    (of) => of.compactRevision,
    'Revision up to which history is compacted',
    'photon_chainfire_compact_revision',
    'etcd_debugging_mvcc_compact_revision',
  ),
  gauge(
    (of) => of.pendingRequests,
    'Client requests that wait for the log or for a read index',
    'photon_chainfire_pending_requests',
    'etcd_server_proposals_pending',
  ),
  gauge(
    (of) => of.storedBytes,
    'Bytes of all rows in the store',
    'photon_chainfire_store_size_bytes',
    'etcd_mvcc_db_total_size_in_bytes',
    'etcd_debugging_mvcc_db_total_size_in_bytes',
  ),
  gauge(
    (of) => of.liveBytes,
    'Bytes of the rows that are visible at the current revision',
    'photon_chainfire_store_live_bytes',
    'etcd_mvcc_db_total_size_in_use_in_bytes',
  ),
  gauge(
    (of) => of.quotaBackendBytes,
    'Bytes of the store at which the member raises NOSPACE; 0 for none',
    'photon_chainfire_quota_backend_bytes',
    'etcd_server_quota_backend_bytes',
  ),
  gauge((of) => of.alarms.length, 'Alarms that are raised in the cluster', 'photon_chainfire_alarms'),
  gauge((of) => of.leaseCount, 'Leases that exist', 'photon_chainfire_leases'),
  gauge(
    (of) => of.watches.streams,
    'Watch streams that are open',
    'photon_chainfire_watch_streams',
    'etcd_debugging_mvcc_watch_stream_total',
  ),
  gauge(
    (of) => of.watches.watches,
    'Watches that are open',
    'photon_chainfire_watches',
    'etcd_debugging_mvcc_watcher_total',
  ),
  gauge(
    (of) => of.watches.behind,
    'Watches that are still served from history',
    'photon_chainfire_watches_behind',
    'etcd_debugging_mvcc_slow_watcher_total',
  ),
  gauge(
    (of) => of.watches.undrainedBytes,
    'Bytes of events that transports have not taken yet',
    'photon_chainfire_watch_undrained_bytes',
  ),
  counter(
    (of) => of.watches.eventsSent,
    'Events handed to watches',
    'photon_chainfire_watch_events_total',
    'etcd_debugging_mvcc_events_total',
  ),
  counter(
    (of) => of.applied.puts,
    'Keys put by applied commands',
    'photon_chainfire_puts_total',
    'etcd_mvcc_put_total',
    'etcd_debugging_mvcc_put_total',
  ),
  counter(
    (of) => of.applied.deletes,
    'Keys deleted by applied commands',
    'photon_chainfire_deletes_total',
    'etcd_mvcc_delete_total',
    'etcd_debugging_mvcc_delete_total',
  ),
  counter(
    (of) => of.applied.txns,
    'Transactions applied',
    'photon_chainfire_txns_total',
    'etcd_mvcc_txn_total',
    'etcd_debugging_mvcc_txn_total',
  ),
  counter(
    (of) => of.applied.leasesGranted,
    'Leases granted',
    'photon_chainfire_leases_granted_total',
    'etcd_debugging_lease_granted_total',
  ),
  counter(
    (of) => of.applied.leasesRenewed,
    'Renewals of leases applied',
    'photon_chainfire_leases_renewed_total',
    'etcd_debugging_lease_renewed_total',
  ),
  counter(
    (of) => of.applied.leasesRevoked,
    'Leases revoked by request',
    'photon_chainfire_leases_revoked_total',
    'etcd_debugging_lease_revoked_total',
  ),
  counter(
    (of) => of.applied.leasesExpired,
    'Leases ended because nobody kept them alive',
    'photon_chainfire_leases_expired_total',
    'etcd_debugging_server_lease_expired_total',
  ),
  counter((of) => of.runner.events, 'Events that the machine has stepped', 'photon_chainfire_events_total'),
  counter(
    (of) => of.runner.requestsOverloaded,
    'Requests turned away because too many events were waiting',
    'photon_chainfire_requests_overloaded_total',
  ),
  counter(
    (of) => of.runner.receivedDropped,
    'Messages of peers dropped because too many events were waiting',
    'photon_chainfire_peer_received_dropped_messages_total',
  ),
  counter(
    (of) => of.runner.appendedBytes,
    'Bytes appended to the log',
    'photon_chainfire_log_appended_bytes_total',
    'etcd_disk_wal_write_bytes_total',
  ),
  counter(
    (of) => of.runner.snapshotsSent,
    'Snapshots that a peer has staged whole',
    'photon_chainfire_snapshots_sent_total',
  ),
  counter(
    (of) => of.runner.snapshotsFailed,
    'Snapshots that did not arrive',
    'photon_chainfire_snapshots_failed_total',
  ),
  counter(
    (of) => of.clients.receivedBytes,
    'Bytes received from clients',
    'photon_chainfire_client_received_bytes_total',
    'etcd_network_client_grpc_received_bytes_total',
  ),
  counter(
    (of) => of.clients.sentBytes,
    'Bytes sent to clients',
    'photon_chainfire_client_sent_bytes_total',
    'etcd_network_client_grpc_sent_bytes_total',
  ),
];
