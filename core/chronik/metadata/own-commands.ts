import { present } from '../../base/assert.ts';
import { type NodeId } from '../../base/ids.ts';
import { type Prng } from '../../base/prng.ts';
import { refused } from '../../base/refusal.ts';
import { bytesPerMib, usPerMs } from '../../base/units.ts';
import { type RefusedProposals } from '../../raft/hand-over.ts';
import { type RaftView, type Term } from '../../raft/types.ts';
import { type AppliedCommand } from './apply.ts';
import { encodeCommand, originOf } from './command-codec.ts';
import { type CommandName, type MetadataCommand } from './commands.ts';
import { type MetadataOutcome } from './outcomes.ts';

/** A command of this broker on its way through the log. */
interface PendingCommand {
  readonly token: number;
  readonly seq: number;
  readonly bytes: Uint8Array;
  readonly deadlineUs: number;
  /**
   * The term in which it was handed to Raft, and the only one in which it may enter the log; 0: not yet, so that it is surely
   * not done.
   */
  proposedTerm: Term;
  readonly isRepeatable: boolean;
  /** It was handed over again while it might still have been on its way: what is refused then may be done nonetheless. */
  isRepeated: boolean;
}

/**
 * What may stand in the log twice: doing it again does nothing, because an epoch or an incarnation says that it is done, or does
 * no harm, as a block of ids that nobody uses.
 */
const repeatable: ReadonlySet<CommandName> = new Set<CommandName>([
  'registerBroker',
  'alterPartition',
  'allocateProducerIds',
]);

/** What own commands need of the replica that they belong to. */
export interface OwnCommandsPort {
  /** Gives encoded commands to Raft. @returns those that were not taken, and why */
  handOver(commands: readonly Uint8Array[]): RefusedProposals | undefined;
  answer(token: number, outcome: MetadataOutcome): void;
}

/** Commands are given to Raft at most so many bytes at a time, or one that is larger: a message to a peer holds them. */
const handOverBytesMax = bytesPerMib;

/**
 * Commands that this broker has proposed and that it has not applied yet. Those that come in one step go into the log as one
 * batch. Where nobody leads they wait for somebody who does; what was lost with a leader is handed to the next one. A message to
 * the leader may be lost: what may stand in the log twice is handed over again after `repeatUs`, since partitions wait for it; for
 * the rest its time-out ends the wait. Bounded by `pendingMax`.
 */
export class OwnCommands {
  readonly #broker: NodeId;
  readonly #boot: number;
  readonly #pendingMax: number;
  readonly #bytesMax: number;
  readonly #timeoutUs: number;
  readonly #repeatUs: number;
  readonly #raft: RaftView;
  readonly #port: OwnCommandsPort;
  #seq = 0;
  /** By seq, which is the order of the deadlines. */
  readonly #pending = new Map<number, PendingCommand>();
  /** Those that may be handed over again, by seq, and when: in the order of these times. */
  readonly #repeats = new Map<number, number>();
  /** Added since the last hand-over. */
  #gathered: PendingCommand[] = [];

  constructor(given: {
    readonly broker: NodeId;
    readonly prng: Prng;
    readonly pendingMax: number;
    readonly bytesMax: number;
    readonly timeoutUs: number;
    readonly repeatUs: number;
    readonly raft: RaftView;
    readonly port: OwnCommandsPort;
  }) {
    this.#broker = given.broker;
    this.#boot = given.prng.below(2 ** 21) * 2 ** 32 + given.prng.below(2 ** 32);
    this.#pendingMax = given.pendingMax;
    this.#bytesMax = given.bytesMax;
    this.#timeoutUs = given.timeoutUs;
    this.#repeatUs = given.repeatUs;
    this.#raft = given.raft;
    this.#port = given.port;
  }

  get size(): number {
    return this.#pending.size;
  }

  /** Something waits for the next hand-over. */
  get hasGathered(): boolean {
    return this.#gathered.length > 0;
  }

  /** When the oldest has waited too long, or something is to be handed over again. */
  get dueUs(): number {
    return Math.min(this.#deadlineUs, this.#repeatDueUs);
  }

  /** @returns a refusal for what is not put on its way at all */
  add(command: MetadataCommand, token: number, nowUs: number): MetadataOutcome | undefined {
    if (this.#pending.size >= this.#pendingMax) {
      const message = `${this.#pendingMax} changes of the metadata are under way; try again later`;
      return refused('THROTTLING_QUOTA_EXCEEDED', message);
    }
    const seq = this.#seq + 1;
    const bytes = encodeCommand({ origin: { broker: this.#broker, boot: this.#boot, seq }, command });
    if (bytes.length > this.#bytesMax) {
      const message = `the change has ${bytes.length} bytes, and ${this.#bytesMax} are allowed: ask for less at once`;
      return refused('INVALID_REQUEST', message);
    }
    this.#seq = seq;
    const isRepeatable = repeatable.has(command.kind);
    const pending = {
      token,
      seq,
      bytes,
      deadlineUs: nowUs + this.#timeoutUs,
      proposedTerm: 0,
      isRepeatable,
      isRepeated: false,
    };
    this.#pending.set(seq, pending);
    this.#gathered.push(pending);
    return undefined;
  }

  /** Nobody waits for it any more. */
  cancel(token: number): void {
    for (const pending of this.#pending.values()) {
      if (pending.token !== token) continue;
      this.#remove(pending.seq);
      return;
    }
  }

  /** What has gathered goes to Raft. */
  handOverGathered(nowUs: number): void {
    if (this.#gathered.length === 0) return;
    const gathered = this.#gathered;
    this.#gathered = [];
    const waiting = gathered.filter(({ seq, proposedTerm }) => proposedTerm === 0 && this.#pending.has(seq));
    this.#handOver(waiting, nowUs);
  }

  /** There is a leader: what has waited for one goes on. */
  leaderFound(nowUs: number): void {
    this.#handOver(
      [...this.#pending.values()].filter(({ proposedTerm }) => proposedTerm === 0),
      nowUs,
    );
  }

  /** What has not been applied for long may have been lost on its way to the leader. */
  repeat(nowUs: number): void {
    if (this.#repeatDueUs > nowUs) return;
    const { leader, role, term } = this.#raft;
    for (const [seq, atUs] of [...this.#repeats]) {
      if (atUs > nowUs) return;
      const pending = present(this.#pending.get(seq), 'what is to be repeated is under way');
      this.#armRepeat(pending, nowUs);
      // What its own leader has put into its log is not lost while it leads.
      if (leader === 0 || (role === 'leader' && pending.proposedTerm === term)) continue;
      pending.isRepeated = true;
      if (this.#port.handOver([pending.bytes]) === undefined) pending.proposedTerm = term;
    }
  }

  /** The leader had no room for what was passed on to it: it is surely not done, and not to be tried again at once. */
  refused(bytes: Uint8Array): void {
    const { seq } = originOf(bytes);
    const pending = this.#pending.get(seq);
    if (pending?.bytes === bytes && !pending.isRepeated) this.#refuse(pending);
  }

  applied({ origin, outcome }: AppliedCommand): void {
    if (origin.broker !== this.#broker || origin.boot !== this.#boot) return;
    const pending = this.#pending.get(origin.seq);
    if (pending !== undefined) this.#end(pending, outcome);
  }

  /**
   * An entry of `term` was applied: what was handed over in an earlier one and was not applied before is surely not in the log,
   * since what lies behind that entry is of no lower term.
   */
  termApplied(term: Term, nowUs: number): void {
    const overtaken = [...this.#pending.values()].filter(
      ({ proposedTerm }) => proposedTerm > 0 && proposedTerm < term,
    );
    this.#handOver(overtaken, nowUs);
  }

  /** Entries up to one of `term` were taken as a snapshot: nobody sees any more which of them were here. */
  snapshotInstalled(term: Term): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.proposedTerm === 0 || pending.proposedTerm > term) continue;
      this.#end(pending, refused('REQUEST_TIMED_OUT', 'whether the change was made was lost sight of'));
    }
  }

  expire(nowUs: number): void {
    for (const pending of [...this.#pending.values()]) {
      if (pending.deadlineUs > nowUs) return;
      const waitedMs = Math.floor(this.#timeoutUs / usPerMs);
      const message =
        pending.proposedTerm === 0
          ? `no controller was found within ${waitedMs} ms; the change is not made`
          : `the change was not made within ${waitedMs} ms; it may still be`;
      this.#end(pending, refused('REQUEST_TIMED_OUT', message));
    }
  }

  #handOver(commands: readonly PendingCommand[], nowUs: number): void {
    for (let at = 0; at < commands.length;) {
      const batch: PendingCommand[] = [];
      let bytes = 0;
      for (; at < commands.length && (batch.length === 0 || bytes < handOverBytesMax); at += 1) {
        const next = commands[at] as PendingCommand;
        batch.push(next);
        bytes += next.bytes.length;
      }
      const refusal = this.#port.handOver(batch.map((command) => command.bytes));
      for (const command of batch) {
        const isRefused = refusal?.proposals.has(command.bytes) === true;
        command.proposedTerm = isRefused ? 0 : this.#raft.term;
        if (isRefused && refusal.code === 'BUSY') this.#refuse(command);
        else if (!isRefused) this.#armRepeat(command, nowUs);
      }
    }
  }

  #refuse(pending: PendingCommand): void {
    this.#end(
      pending,
      refused('THROTTLING_QUOTA_EXCEEDED', 'the controller has too much under way; try again later'),
    );
  }

  get #deadlineUs(): number {
    for (const { deadlineUs } of this.#pending.values()) return deadlineUs;
    return Infinity;
  }

  get #repeatDueUs(): number {
    for (const atUs of this.#repeats.values()) return atUs;
    return Infinity;
  }

  /** Puts it last, which is where its time stands. */
  #armRepeat({ seq, isRepeatable }: PendingCommand, nowUs: number): void {
    if (!isRepeatable) return;
    this.#repeats.delete(seq);
    this.#repeats.set(seq, nowUs + this.#repeatUs);
  }

  #remove(seq: number): void {
    this.#pending.delete(seq);
    this.#repeats.delete(seq);
  }

  #end(pending: PendingCommand, outcome: MetadataOutcome): void {
    this.#remove(pending.seq);
    this.#port.answer(pending.token, outcome);
  }
}
