import { assert } from '../base/assert.ts';
import { passMap, passText, type StateForm } from '../base/capture.ts';
import { type Prng } from '../base/prng.ts';
import { suspicionTimeoutUs } from './scaling.ts';
import { type MemberRecord, memberStates } from './types.ts';

/** One that is suspected, and how long it has to object. */
export interface Suspicion {
  readonly startedUs: number;
  readonly minUs: number;
  readonly maxUs: number;
  /** Confirmations beyond which nothing changes. */
  readonly wanted: number;
  /** Who suspects it on its own; the first is the one that began. At most `wanted` + 1. */
  readonly by: readonly string[];
}

export interface Member {
  readonly record: MemberRecord;
  readonly suspicion: Suspicion | undefined;
  /** When it came to its state. */
  readonly sinceUs: number;
}

export function suspicionEndsUs(suspicion: Suspicion): number {
  const { startedUs, minUs, maxUs, wanted, by } = suspicion;
  return startedUs + suspicionTimeoutUs({ minUs, maxUs, wanted, confirmed: by.length - 1 });
}

export function isLive({ state }: MemberRecord): boolean {
  return state === 'alive' || state === 'suspect';
}

/** The others, as this member has heard of them. Bounded by whoever writes: it asks for the room first. */
export class MemberTable {
  readonly #members = new Map<string, Member>();
  /** In the order in which they were found to be gone. */
  readonly #gone = new Set<string>();
  readonly #suspects = new Set<string>();

  /** Those that are not gone. */
  get live(): number {
    return this.#members.size - this.#gone.size;
  }

  /** Those that are gone, and remembered. */
  get gone(): number {
    return this.#gone.size;
  }

  get(name: string): Member | undefined {
    return this.#members.get(name);
  }

  all(): readonly Member[] {
    return [...this.#members.values()];
  }

  liveRecords(): readonly MemberRecord[] {
    return this.all()
      .map(({ record }) => record)
      .filter(isLive);
  }

  suspects(): readonly Member[] {
    return [...this.#suspects].flatMap((name) => this.#members.get(name) ?? []);
  }

  /** Of those that are gone the one that has been for longest. */
  longestGone(): Member | undefined {
    for (const name of this.#gone) return this.#members.get(name);
    return undefined;
  }

  put(member: Member): void {
    const { name } = member.record;
    const live = isLive(member.record);
    assert(
      (member.suspicion !== undefined) === (member.record.state === 'suspect'),
      'a suspect has time to object, and nobody else',
    );
    this.#members.set(name, member);
    if (live) this.#gone.delete(name);
    else this.#gone.add(name);
    if (member.suspicion === undefined) this.#suspects.delete(name);
    else this.#suspects.add(name);
  }

  forget(name: string): void {
    this.#members.delete(name);
    this.#gone.delete(name);
    this.#suspects.delete(name);
  }

  /** Up to `count` of those that fit, each as likely as the others. */
  draw(prng: Prng, count: number, fits: (member: Member) => boolean): readonly MemberRecord[] {
    const fitting = this.all().filter(fits);
    const drawn: MemberRecord[] = [];
    while (drawn.length < count && fitting.length > 0) {
      const at = prng.below(fitting.length);
      drawn.push((fitting[at] as Member).record);
      fitting[at] = fitting.at(-1) as Member;
      fitting.pop();
    }
    return drawn;
  }

  passState(form: StateForm): void {
    passMap(form, 'members', this.#members, { blank: ['', blankMember], pass: passEntry });
    const gone = form.list('gone', this.#gone, '', passText);
    const suspects = form.list('suspects', this.#suspects, '', passText);
    if (!form.restores) return;
    this.#gone.clear();
    for (const name of gone) this.#gone.add(name);
    this.#suspects.clear();
    for (const name of suspects) this.#suspects.add(name);
  }
}

const blankRecord: MemberRecord = {
  name: '',
  state: 'alive',
  incarnation: 0,
  gossipAddress: '',
  clientAddress: '',
  peerAddress: '',
  note: '',
};
const blankMember: Member = { record: blankRecord, suspicion: undefined, sinceUs: 0 };
const blankSuspicion: Suspicion = { startedUs: 0, minUs: 0, maxUs: 0, wanted: 0, by: [] };

export function passRecord(form: StateForm, record: MemberRecord): MemberRecord {
  return {
    name: form.text('name', record.name),
    state: form.choice('state', record.state, memberStates),
    incarnation: form.number('incarnation', record.incarnation),
    gossipAddress: form.text('gossipAddress', record.gossipAddress),
    clientAddress: form.text('clientAddress', record.clientAddress),
    peerAddress: form.text('peerAddress', record.peerAddress),
    note: form.text('note', record.note),
  };
}

function passEntry(form: StateForm, [name, member]: readonly [string, Member]): readonly [string, Member] {
  return [
    form.text('key', name),
    {
      record: form.object('record', member.record, passRecord),
      suspicion: form.optional('suspicion', member.suspicion, blankSuspicion, passSuspicion),
      sinceUs: form.number('sinceUs', member.sinceUs),
    },
  ];
}

function passSuspicion(form: StateForm, suspicion: Suspicion): Suspicion {
  return {
    startedUs: form.number('startedUs', suspicion.startedUs),
    minUs: form.number('minUs', suspicion.minUs),
    maxUs: form.number('maxUs', suspicion.maxUs),
    wanted: form.number('wanted', suspicion.wanted),
    by: form.list('by', suspicion.by, '', passText),
  };
}
