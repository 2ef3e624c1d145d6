/**
 * What `photoncloud/chainfire/client` gives a program: see docs/client-library.md. An entry of the package, and nothing else:
 * within the project everybody imports what they need from where it is.
 */
export { type Bytes } from './bytes.ts';
export { type Deadline } from './calls.ts';
export {
  Chainfire,
  type DeleteOutcome,
  type Expected,
  type PutOptions,
  type PutOutcome,
  type SwapOutcome,
} from './chainfire.ts';
export { connect, type ConnectOptions } from './connect.ts';
export { type Election, type Leadership } from './election.ts';
export { type Entry } from './entry.ts';
export { ChainfireError, type ChainfireErrorCode } from './errors.ts';
export { type Lease, type LeaseState } from './lease.ts';
export { type Lock } from './lock.ts';
export { type WaitOptions } from './queue.ts';
export { type Consistency, type ReadOptions } from './ranges.ts';
export {
  compare,
  operation,
  type OperationResult,
  type Operator,
  type TxnBuilder,
  type TxnOutcome,
} from './txn.ts';
export { type Changes, type Watch, type WatchedKeys, type WatchEvent, type WatchOptions } from './watch.ts';
