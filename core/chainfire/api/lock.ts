import { id64, type Infer, latin1, message, nested } from '../../wire/protobuf.ts';
import { ResponseHeader } from './kv.ts';

/** The messages of etcd's lock service (`v3lockpb`). Names and keys are bytes as latin1 strings. */
export const LockRequest = message('LockRequest', { name: latin1(1), lease: id64(2) });
export type LockRequest = Infer<typeof LockRequest>;
/** The key exists for as long as the lock is held. Its create revision, the fencing token, rises from holder to holder. */
export const LockResponse = message('LockResponse', {
  header: nested(1, () => ResponseHeader),
  key: latin1(2),
});
export type LockResponse = Infer<typeof LockResponse>;
export const UnlockRequest = message('UnlockRequest', { key: latin1(1) });
export type UnlockRequest = Infer<typeof UnlockRequest>;
export const UnlockResponse = message('UnlockResponse', { header: nested(1, () => ResponseHeader) });
export type UnlockResponse = Infer<typeof UnlockResponse>;
