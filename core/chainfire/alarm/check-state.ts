import { type NodeId } from '../../base/ids.ts';
import { membersOf } from '../../raft/configuration.ts';
import { majorityOf } from '../../raft/quorum.ts';
import { type Configuration } from '../../raft/types.ts';
import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { type Infer, message, nested, repeated, uint32, uint64 } from '../../wire/protobuf.ts';
import { metaTable } from '../mvcc/keys.ts';
import { noMember } from './alarm-state.ts';

/** Asks every member for the checksum of its store as it is at this place of the log. */
export const CheckRequested = message('CheckRequested', { by: uint64(1) });
export type CheckRequested = Infer<typeof CheckRequested>;

export const CheckReport = message('CheckReport', {
  member: uint64(1),
  /** Log position of the request that it answers. */
  index: uint64(2),
  hash: uint32(3),
});
export type CheckReport = Infer<typeof CheckReport>;

const Check = message('Check', {
  index: uint64(1),
  reports: repeated(nested(2, () => CheckReport)),
  /** Who was found to differ, each told once; `noMember` where nobody can say who does. */
  blamed: repeated(uint64(3)),
});
export type Check = Infer<typeof Check>;

const row = 'check';

/**
 * The comparison of members that is under way, or was the last: who has reported what, and whom it has shown to differ. Part
 * of the replicated state: a report is an entry of the log, and so every member comes to the same verdict.
 *
 * All reports are of one place of the log, where all members have the same state, compacted to the same revision; how far each
 * has come in freeing what is compacted makes no difference to the checksum. What a majority of the voters has is right: whoever
 * has something else, voter or learner, differs. Where no majority can come about any more, somebody differs, and nobody can say
 * who. A later request ends the comparison, as it stands.
 */
export class CheckState {
  readonly #mix: (bytes: Uint8Array) => void;
  #check: Check = Check.create();
  /** Rows that changed and are not written. */
  #writes: StoreWrite[] = [];

  /** @param mix takes what changes into the checksum of everything applied */
  constructor(store: Pick<StorageBackend, 'get'>, mix: (bytes: Uint8Array) => void) {
    this.#mix = mix;
    this.reload(store);
  }

  /** Takes it from the store: at start, and after it was replaced by a snapshot. */
  reload(store: Pick<StorageBackend, 'get'>): void {
    this.#writes = [];
    const bytes = store.get(metaTable, row);
    this.#check = bytes === undefined ? Check.create() : Check.decode(bytes);
  }

  /** Log position of the last request; 0 before the first. */
  get index(): number {
    return this.#check.index;
  }

  get check(): Check {
    return this.#check;
  }

  /** What a member has reported; undefined: nothing yet. */
  reportOf(member: number): number | undefined {
    return this.#check.reports.find((report) => report.member === member)?.hash;
  }

  /** Rows that changed since the last call. */
  takeWrites(): readonly StoreWrite[] {
    const writes = this.#writes;
    if (writes.length > 0) this.#writes = [];
    return writes;
  }

  requested(index: number): void {
    this.#set({ index, reports: [], blamed: [] });
  }

  /** @returns members that are found to differ only now, for alarms */
  reported(report: CheckReport, configuration: Configuration): readonly bigint[] {
    const members = membersOf(configuration);
    if (report.index !== this.#check.index || !members.includes(report.member as NodeId)) return [];
    const others = this.#check.reports.filter(
      ({ member }) => member !== report.member && members.includes(member as NodeId),
    );
    const reports = [...others, report].sort((left, right) => left.member - right.member);
    const found = differing(reports, configuration).filter((member) => !this.#check.blamed.includes(member));
    this.#set({ index: report.index, reports, blamed: [...this.#check.blamed, ...found] });
    return found.map(BigInt);
  }

  #set(check: Check): void {
    this.#check = check;
    const value = Check.encode(check);
    this.#mix(value);
    this.#writes.push({ table: metaTable, key: row, value });
  }
}

/** Members whose report is not that of a majority of the voters; `noMember` where there can be no majority. */
function differing(reports: readonly CheckReport[], configuration: Configuration): readonly number[] {
  const voters = [...new Set([...configuration.voters, ...configuration.outgoing])];
  const votes = new Map<number, number>();
  let silent = voters.length;
  for (const { member, hash } of reports) {
    if (!voters.includes(member as NodeId)) continue;
    votes.set(hash, (votes.get(hash) ?? 0) + 1);
    silent -= 1;
  }
  const majority = majorityOf(voters.length);
  for (const [hash, count] of votes) {
    if (count < majority) continue;
    return reports.filter((report) => report.hash !== hash).map(({ member }) => member);
  }
  const most = Math.max(0, ...votes.values());
  return most + silent < majority ? [Number(noMember)] : [];
}
