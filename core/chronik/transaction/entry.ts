import { type Offset } from '../types.ts';
import { type TransactionState } from './state.ts';

/** A change of a transactional id's state that was appended and is not known to be durable. */
export interface PendingChange {
  readonly state: TransactionState;
  /** Durable when the high watermark is at or above it. */
  readonly endOffset: Offset;
  /** When whoever waits for it is answered that it takes too long. */
  readonly deadlineUs: number;
  /** What follows then, beside the answer. */
  readonly then: (nowUs: number) => void;
  /**
   * Answers whoever asked for it, once: when it is durable, when it takes too long, or when this broker stops coordinating
   * first.
   */
  readonly reply: (error: 'NONE' | 'COORDINATOR_NOT_AVAILABLE' | 'NOT_COORDINATOR') => void;
}

/** A transactional id and its producer. */
export interface TransactionEntry {
  readonly transactionalId: string;
  /** As it is durable. */
  state: TransactionState;
  /** Invariant: at most one change is under way; until it is durable, whoever wants another is told to try again. */
  pending: PendingChange | undefined;
  /** A producer id is being drawn for it. */
  drawing: boolean;
  /** The epoch before the present one, from which a producer may come that was not answered (KIP-360); −1: none. */
  previousEpoch: number;
  /** When its open transaction has lasted too long, by this broker's clock; `Infinity`: none is open. */
  timeoutUs: number;
}

export function newEntry(transactionalId: string, state: TransactionState): TransactionEntry {
  return {
    transactionalId,
    state,
    pending: undefined,
    drawing: false,
    previousEpoch: -1,
    timeoutUs: Infinity,
  };
}
