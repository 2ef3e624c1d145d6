import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs } from '../core/base/units.ts';
import { alarmActions, type AlarmMember, AlarmRequest, alarmTypes } from '../core/chainfire/api/cluster.ts';
import { CompactionRequest } from '../core/chainfire/api/kv.ts';
import { type MemberRequest, type MemberResponse } from '../core/chainfire/member-protocol.ts';
import { type ClientDesk } from './workload-desk.ts';
import { type Undertaking } from './undertaking.ts';

/** Ids that alarms are raised for: members there may be, and one that is none. */
const idsMax = 6;

/**
 * An operator who looks after a cluster: asks which alarms are raised, compacts up to the present where space is short, and
 * disarms them all; raises one now and then, as no operator would. Goes on for ever: told to stop, it raises nothing any more.
 */
export class UpkeepUndertaking implements Undertaking {
  readonly #desk: ClientDesk;
  readonly #prng: Prng;
  /** What is still to be done about what the last list said. */
  #todo: MemberRequest[] = [];
  #calling = false;
  #stopped = false;
  /** The last list, since it was told to stop, had nothing on it. */
  #quiet = false;
  #gone = false;
  #nextUs: number;

  constructor(options: { readonly desk: ClientDesk; readonly prng: Prng }) {
    this.#desk = options.desk;
    this.#prng = options.prng;
    this.#nextUs = options.desk.nowUs + this.#pauseUs();
  }

  get over(): boolean {
    return this.#gone && !this.#calling;
  }

  get settled(): boolean {
    return this.#gone || this.#quiet;
  }

  get deadlineUs(): number {
    return this.#calling || this.#gone ? Infinity : this.#nextUs;
  }

  tick(): void {
    if (this.#calling || this.#gone || this.#desk.nowUs < this.#nextUs) return;
    const request = this.#todo.shift() ?? this.#draw();
    this.#calling = true;
    this.#desk.call(request, (outcome) => {
      this.#calling = false;
      this.#nextUs = this.#desk.nowUs + (this.#todo.length > 0 ? 0 : this.#pauseUs());
      if (outcome.kind === 'answered') this.#answered(request, outcome.response);
    });
  }

  vanish(): void {
    this.#gone = true;
  }

  stop(): void {
    this.#stopped = true;
    this.#nextUs = Math.min(this.#nextUs, this.#desk.nowUs);
  }

  #draw(): MemberRequest {
    if (this.#stopped || !this.#prng.chance(1, 4)) return { kind: 'alarm', request: AlarmRequest.create() };
    const alarm = this.#prng.chance(1, 3) ? alarmTypes.corrupt : alarmTypes.nospace;
    const memberId = BigInt(this.#prng.below(idsMax));
    return { kind: 'alarm', request: { action: alarmActions.activate, memberId, alarm } };
  }

  #answered({ kind, request }: MemberRequest, response: MemberResponse): void {
    if (
      kind !== 'alarm' ||
      response.kind !== 'alarm' ||
      (request as AlarmRequest).action !== alarmActions.get
    ) {
      return;
    }
    const { alarms, header } = response.response;
    this.#quiet = this.#stopped && alarms.length === 0;
    // Nothing can be compacted before members are at one again.
    const inOrder = [...alarms].sort((left, right) => right.alarm - left.alarm);
    this.#todo = inOrder.map(disarm);
    if (alarms.some(({ alarm }) => alarm === alarmTypes.nospace)) {
      const revision = header?.revision ?? 1;
      const compact: MemberRequest = {
        kind: 'compact',
        request: CompactionRequest.create({ revision, physical: true }),
      };
      const corrupt = inOrder.filter(({ alarm }) => alarm === alarmTypes.corrupt).length;
      this.#todo.splice(corrupt, 0, compact);
    }
    if (this.#todo.length > 0) this.#nextUs = this.#desk.nowUs;
  }

  #pauseUs(): number {
    return between(this.#prng, 200, 2_000) * usPerMs;
  }
}

function disarm({ memberId, alarm }: AlarmMember): MemberRequest {
  return { kind: 'alarm', request: { action: alarmActions.deactivate, memberId, alarm } };
}
