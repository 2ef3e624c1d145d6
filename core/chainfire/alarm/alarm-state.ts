import { type StorageBackend, type StoreWrite } from '../../storage/backend.ts';
import { refused } from '../../base/refusal.ts';
import { noBytes } from '../../base/bytes.ts';
import { type WireWriter } from '../../wire/writer.ts';
import {
  alarmActions,
  AlarmMember,
  type AlarmRequest,
  type AlarmResponse,
  alarmTypes,
} from '../api/cluster.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { metaTable } from '../mvcc/keys.ts';
import { etcdRefusal } from '../refusals.ts';

/** Of rows of `meta`: one an alarm, by member and kind. */
export const alarmRowPrefix = 'alarm/';
const rowsEnd = 'alarm0';
const idDigits = 16;

/** Alarms at once that requests may raise; those that members raise of themselves are at most two a member. */
export const alarmsMax = 1_000;

/** In the name of no one member: CORRUPT, where nobody can say whose data is wrong. */
export const noMember = 0n;

/**
 * The alarms that are raised, as entries of the log have raised and disarmed them: part of the replicated state, all of it in
 * memory, as rows of `meta` are in the store. What they forbid is decided by them where an entry is applied.
 */
export class AlarmState {
  readonly #mix: (bytes: Uint8Array) => void;
  /** By row, in the order of rows: that of member ids, then kinds. */
  #alarms = new Map<string, AlarmMember>();
  #changes = 0;
  /** Rows that changed and are not written. */
  #writes: StoreWrite[] = [];

  /** @param mix takes what changes into the checksum of everything applied */
  constructor(store: Pick<StorageBackend, 'range'>, mix: (bytes: Uint8Array) => void) {
    this.#mix = mix;
    this.reload(store);
  }

  /** Takes everything from the store: at start, and after it was replaced by a snapshot. */
  reload(store: Pick<StorageBackend, 'range'>): void {
    this.#writes = [];
    this.#changes += 1;
    this.#alarms = new Map();
    for (const [key, row] of store.range(metaTable, { from: alarmRowPrefix, to: rowsEnd })) {
      this.#alarms.set(key, AlarmMember.decode(row));
    }
  }

  /** Whether any member has an alarm of the kind. */
  isRaised(kind: number): boolean {
    for (const { alarm } of this.#alarms.values()) if (alarm === kind) return true;
    return false;
  }

  isRaisedFor(memberId: bigint, kind: number): boolean {
    return this.#alarms.has(rowKey({ memberId, alarm: kind }));
  }

  /** Rises whenever there may be others, in this life of the member; no part of what is replicated. */
  get changes(): number {
    return this.#changes;
  }

  get isEmpty(): boolean {
    return this.#alarms.size === 0;
  }

  /** Those of a kind, or all of them for none, by member and kind. */
  list(kind: number = alarmTypes.none): readonly AlarmMember[] {
    const all = [...this.#alarms.values()];
    return kind === alarmTypes.none ? all : all.filter(({ alarm }) => alarm === kind);
  }

  /** Rows that changed since the last call. */
  takeWrites(): readonly StoreWrite[] {
    const writes = this.#writes;
    if (writes.length > 0) this.#writes = [];
    return writes;
  }

  /** All of it, for checksums: the same on all members at the same applied index. */
  writeTo(writer: WireWriter): void {
    for (const alarm of this.#alarms.values()) AlarmMember.write(writer, alarm);
  }

  /**
   * Carries out what a request asks for; its answer names what it has found to be raised, or has disarmed.
   *
   * etcd takes any number for a member's id. So does this, up to a bound for ids that are no member's.
   */
  execute(
    { action, memberId, alarm }: AlarmRequest,
    isMember: (id: bigint) => boolean,
  ): AlarmResponse | MemberRefusal {
    const asked = { memberId, alarm };
    if (action === alarmActions.activate) {
      const isBounded = memberId === noMember || isMember(memberId);
      if (!isBounded && this.#alarms.size >= alarmsMax && !this.isRaisedFor(memberId, alarm)) {
        return refused('TOO_MANY_ALARMS', `there are ${this.#alarms.size} alarms; disarm some of them`);
      }
      this.raise(asked);
      return { header: undefined, alarms: [asked] };
    }
    const wasRaised = this.isRaisedFor(memberId, alarm);
    if (wasRaised) this.#disarm(asked);
    return { header: undefined, alarms: wasRaised ? [asked] : [] };
  }

  raise(alarm: AlarmMember): void {
    const key = rowKey(alarm);
    if (this.#alarms.has(key)) return;
    this.#alarms.set(key, alarm);
    this.#alarms = new Map([...this.#alarms].sort(([left], [right]) => (left < right ? -1 : 1)));
    this.#write(key, AlarmMember.encode(alarm));
  }

  /** A member is none any more: its alarms speak of what nobody can mend, and go with it. */
  memberLeft(memberId: bigint): void {
    for (const alarm of this.list()) if (alarm.memberId === memberId) this.#disarm(alarm);
  }

  #disarm(alarm: AlarmMember): void {
    const key = rowKey(alarm);
    this.#alarms.delete(key);
    this.#write(key, undefined);
  }

  #write(key: string, value: Uint8Array | undefined): void {
    this.#changes += 1;
    this.#mix(value ?? noBytes);
    this.#writes.push({ table: metaTable, key, value });
  }
}

/** Refuses what a request says wrong, by name: etcd raises alarms of kinds that nothing heeds, and ends at an unknown action. */
export function checkAlarmRequest({ action, alarm }: AlarmRequest): MemberRefusal | undefined {
  if (!Object.values<number>(alarmActions).includes(action)) {
    return invalid('action', action, '0 (GET), 1 (ACTIVATE), 2 (DEACTIVATE)');
  }
  const isKnown = Object.values<number>(alarmTypes).includes(alarm);
  if (action === alarmActions.activate && (!isKnown || alarm === alarmTypes.none)) {
    return invalid('alarm', alarm, '1 (NOSPACE), 2 (CORRUPT) where one is activated');
  }
  return isKnown ? undefined : invalid('alarm', alarm, '0 (NONE), 1 (NOSPACE), 2 (CORRUPT)');
}

/** What an alarm forbids, as etcd says it; undefined: nothing of it. */
export function refusalOfAlarm(kind: number): MemberRefusal {
  return etcdRefusal(kind === alarmTypes.corrupt ? 'CORRUPT' : 'NO_SPACE');
}

/** As etcd's Status shows it: the text form of the message, where what is zero is left out. */
export function textOfAlarm({ memberId, alarm }: AlarmMember): string {
  const of = memberId === noMember ? '' : `memberID:${memberId} `;
  return `${of}alarm:${nameOfAlarm(alarm)} `;
}

export function nameOfAlarm(kind: number): string {
  if (kind === alarmTypes.nospace) return 'NOSPACE';
  return kind === alarmTypes.corrupt ? 'CORRUPT' : 'NONE';
}

function rowKey({ memberId, alarm }: AlarmMember): string {
  return `${alarmRowPrefix}${memberId.toString(16).padStart(idDigits, '0')}/${alarm}`;
}

function invalid(field: string, value: number, allowed: string): MemberRefusal {
  return refused('INVALID_ALARM', `AlarmRequest.${field} is ${value}; it is one of ${allowed}`);
}
