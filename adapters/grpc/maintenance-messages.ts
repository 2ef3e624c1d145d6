import { ResponseHeader } from '../../core/chainfire/api/kv.ts';
import { bytes, type Infer, message, nested, uint64 } from '../../core/wire/protobuf.ts';

/** The messages of etcd's Maintenance service that the member's machine has no part in. */
export const snapshotPath = '/etcdserverpb.Maintenance/Snapshot';

export const SnapshotRequest = message('SnapshotRequest', {});
export type SnapshotRequest = Infer<typeof SnapshotRequest>;
export const SnapshotResponse = message('SnapshotResponse', {
  header: nested(1, () => ResponseHeader),
  remainingBytes: uint64(2),
  blob: bytes(3),
});
export type SnapshotResponse = Infer<typeof SnapshotResponse>;

export const DefragmentRequest = message('DefragmentRequest', {});
export type DefragmentRequest = Infer<typeof DefragmentRequest>;
export const DefragmentResponse = message('DefragmentResponse', { header: nested(1, () => ResponseHeader) });
export type DefragmentResponse = Infer<typeof DefragmentResponse>;
