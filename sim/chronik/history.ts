/** One batch of a producer's, from its first sending to its end. Times are the world's. */
export interface ProducedBatch {
  readonly client: number;
  readonly topic: string;
  readonly partition: number;
  readonly acks: -1 | 0 | 1;
  /** −1: the producer is not idempotent. */
  readonly producerId: number;
  readonly producerEpoch: number;
  readonly baseSequence: number;
  readonly values: readonly string[];
  readonly startUs: number;
  endUs: number | undefined;
  outcome: ProduceOutcome;
  /** Sent so many times. */
  attempts: number;
}

export type ProduceOutcome =
  | { readonly kind: 'open' }
  /** `offset`: of the first record; −1 where the broker only knew that it has it. */
  | { readonly kind: 'acknowledged'; readonly offset: number }
  /** It was certainly not appended by the last attempt. */
  | { readonly kind: 'refused'; readonly error: number }
  | { readonly kind: 'unknown' };

/** A record as a consumer was given it. */
export interface ConsumedRecord {
  readonly atUs: number;
  readonly client: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string | undefined;
}

/** Something that an administrator asked for. */
export interface AdminCall {
  readonly client: number;
  readonly what: string;
  readonly startUs: number;
  endUs: number | undefined;
  /** Kafka's error numbers, by item; undefined while the outcome is unknown. */
  errors: readonly number[] | undefined;
}

/** A member was told what it has in a generation. */
export interface GroupShare {
  readonly atUs: number;
  readonly groupId: string;
  readonly generation: number;
  /** A static member's name, since its restarts are one; else the member's id. */
  readonly owner: string;
  readonly partitions: readonly number[];
}

/** How far a member was told that its group has come. */
export interface GroupFetch {
  readonly startUs: number;
  readonly atUs: number;
  readonly groupId: string;
  readonly generation: number;
  readonly partition: number;
  /** −1: nothing was ever committed. */
  readonly offset: number;
}

export interface GroupCommit {
  readonly groupId: string;
  readonly generation: number;
  readonly partition: number;
  readonly offset: number;
  readonly startUs: number;
  /** Undefined: it was never answered, and may have counted or not. */
  endUs: number | undefined;
  /** Kafka's error number. */
  error: number | undefined;
}

/** A transaction as its producer knows it. */
export interface TransactionTold {
  readonly client: number;
  /** In the order of their sending; none is written twice in a run. */
  readonly values: { readonly topic: string; readonly partition: number; readonly value: string }[];
  readonly startUs: number;
  /** When it asked for the commit; undefined: it did not, or not yet. */
  askedToCommitUs: number | undefined;
  /** When it was answered. */
  endUs: number | undefined;
  /** `aborted` also where its producer came to an end without asking for a commit; `unknown`: it asked and was not answered. */
  outcome: 'open' | 'committed' | 'aborted' | 'unknown';
}

/** A record as the library of a client that reads what is committed hands it on. */
export interface CommittedRead {
  readonly atUs: number;
  readonly client: number;
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
  readonly value: string;
}

/** What clients asked and were told: the only evidence that the checkers of the clients' view accept. */
export class ChronikHistory {
  readonly produced: ProducedBatch[] = [];
  readonly consumed: ConsumedRecord[] = [];
  readonly admin: AdminCall[] = [];
  readonly shares: GroupShare[] = [];
  readonly groupFetches: GroupFetch[] = [];
  readonly groupCommits: GroupCommit[] = [];
  readonly transactions: TransactionTold[] = [];
  readonly committedReads: CommittedRead[] = [];
}
