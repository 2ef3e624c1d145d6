import { noBytes } from '../../base/bytes.ts';
import { usPerMs, usPerSecond } from '../../base/units.ts';
import { type KafkaError } from '../../wire/kafka/error-codes.ts';
import { joined, joinRefused, synced, syncRefused } from './answers.ts';
import { type GroupClock } from './clock.ts';
import { type Group } from './group.ts';
import { type LedPartition } from './led-partition.ts';
import { type Member, type MemberTraits } from './member.ts';
import { type OffsetsWriter } from './offsets-writer.ts';
import { type GroupPort } from './port.ts';
import { type GroupSchedule } from './schedule.ts';
import { type GroupSettings } from './settings.ts';

/**
 * How long a member may wait for its first generation. It sends no heartbeats meanwhile: if its connection is lost it never
 * will, and the group would wait for it as long as its rebalance takes, which may be hours.
 */
const newMemberWaitUs = 300 * usPerSecond;

/** What the parts of a coordinator share. */
export interface GroupParts {
  readonly settings: GroupSettings;
  readonly port: GroupPort;
  readonly clock: GroupClock;
  readonly schedule: GroupSchedule;
  readonly writer: OffsetsWriter;
}

/**
 * The life of a generation: members come and go, all join, the leader shares out, everybody learns what is his.
 *
 * Source: Kafka protocol guide, group membership; KIP-62 (time-outs), KIP-134 (initial delay), KIP-345 (static members).
 */
export class Rebalances {
  readonly #settings: GroupSettings;
  readonly #port: GroupPort;
  readonly #clock: GroupClock;
  readonly #schedule: GroupSchedule;
  readonly #writer: OffsetsWriter;

  constructor({ settings, port, clock, schedule, writer }: GroupParts) {
    this.#settings = settings;
    this.#port = port;
    this.#clock = clock;
    this.#schedule = schedule;
    this.#writer = writer;
  }

  /** A newcomer waits for the next generation. */
  memberCame(led: LedPartition, group: Group, id: string, traits: MemberTraits, requestId: number): void {
    const member = group.add(id, traits);
    if (group.joinPhase?.initial !== undefined) group.joinPhase.initial.newMemberCame = true;
    this.memberWaits(led, group, member, requestId);
  }

  /** A member waits for the next generation, which begins if none is about to. */
  memberWaits(led: LedPartition, group: Group, member: Member, requestId: number): void {
    const former = group.takeJoin(member);
    if (former !== undefined) this.#port.reply(former, joinRefused(member.id, 'REBALANCE_IN_PROGRESS'));
    group.awaitJoin(member, requestId);
    member.sessionDeadlineUs = member.isNew ? this.#clock.nowUs + newMemberWaitUs : Infinity;
    this.#schedule.noLaterThan(led, group, member.sessionDeadlineUs);
    if (group.state === 'PreparingRebalance') this.#completeIfReady(led, group);
    else this.prepare(led, group);
  }

  /** It was heard of: a whole session begins. */
  touch(led: LedPartition, group: Group, member: Member): void {
    // Who waits for an answer cannot send heartbeats.
    if (member.joinRequestId !== undefined || member.syncRequestId !== undefined) return;
    member.sessionDeadlineUs = this.#clock.nowUs + member.traits.sessionTimeoutMs * usPerMs;
    this.#schedule.noLaterThan(led, group, member.sessionDeadlineUs);
  }

  /** It is one of the group no more, and the others share out what it had. */
  remove(led: LedPartition, group: Group, member: Member): void {
    this.dismiss(group, member, 'UNKNOWN_MEMBER_ID');
    group.remove(member);
    if (group.state === 'PreparingRebalance') this.#completeIfReady(led, group);
    else if (group.state === 'Stable' || group.state === 'CompletingRebalance') this.prepare(led, group);
  }

  /** Answers whatever waits in the member's name. */
  dismiss(group: Group, member: Member, error: KafkaError): void {
    const join = group.takeJoin(member);
    if (join !== undefined) this.#port.reply(join, joinRefused(member.id, error));
    const sync = group.takeSync(member);
    if (sync !== undefined) this.#port.reply(sync, syncRefused(error));
  }

  /** An id that was given out will not be joined with. */
  forgetPending(led: LedPartition, group: Group, memberId: string): void {
    group.pendingMembers.delete(memberId);
    this.#completeIfReady(led, group);
    led.dropIfVacant(group);
  }

  /** Members are to join, all of them, before the next generation begins. */
  prepare(led: LedPartition, group: Group): void {
    if (group.state === 'CompletingRebalance') this.#abandonSync(led, group, 'REBALANCE_IN_PROGRESS');
    for (const member of group.members()) member.owesSync = false;
    group.syncDeadlineUs = Infinity;
    const { rebalanceTimeoutMs } = group;
    const { initialRebalanceDelayMs } = this.#settings;
    const initial =
      group.state === 'Empty' && initialRebalanceDelayMs > 0
        ? { remainingMs: Math.max(rebalanceTimeoutMs - initialRebalanceDelayMs, 0), newMemberCame: false }
        : undefined;
    const waitMs = initial === undefined ? rebalanceTimeoutMs : initialRebalanceDelayMs;
    group.joinPhase = { deadlineUs: this.#clock.nowUs + waitMs * usPerMs, initial };
    group.enter('PreparingRebalance', this.#wallMs);
    this.#schedule.noLaterThan(led, group, group.joinPhase.deadlineUs);
    this.#completeIfReady(led, group);
  }

  /** The leader has said who gets what, and it is durable. */
  assigned(led: LedPartition, group: Group, generation: number): void {
    if (group.generation !== generation || group.storing === undefined) return;
    const { storing } = group;
    group.storing = undefined;
    group.enter('Stable', this.#wallMs);
    for (const member of group.members()) {
      member.assignment = storing.get(member.id) ?? noBytes;
      this.answerSync(led, group, member);
    }
  }

  /** It could not be made durable, or not in time: another generation is to be tried. */
  assignmentFailed(led: LedPartition, group: Group, generation: number, error: KafkaError): void {
    if (group.generation !== generation || group.state !== 'CompletingRebalance') return;
    this.#abandonSync(led, group, error);
    this.prepare(led, group);
  }

  /** A member asks for its assignment. Whoever asked before in its name is answered. */
  memberSyncs(group: Group, member: Member, requestId: number): void {
    const former = group.takeSync(member);
    if (former !== undefined) this.#port.reply(former, syncRefused('REBALANCE_IN_PROGRESS'));
    member.syncRequestId = requestId;
    member.sessionDeadlineUs = Infinity;
    member.owesSync = false;
    if (group.syncDeadlineUs === Infinity) return;
    for (const one of group.members()) if (one.owesSync) return;
    group.syncDeadlineUs = Infinity;
  }

  /** Tells a member that asks what is its own. */
  answerSync(led: LedPartition, group: Group, member: Member): void {
    const requestId = group.takeSync(member);
    if (requestId === undefined) return;
    this.#port.reply(requestId, synced(group, member));
    this.touch(led, group, member);
  }

  /** Looks at everything of a group that ends with time. */
  tick(led: LedPartition, group: Group): void {
    const { nowUs } = this.#clock;
    for (const [memberId, deadlineUs] of [...group.pendingMembers]) {
      if (deadlineUs <= nowUs) this.forgetPending(led, group, memberId);
    }
    for (const member of [...group.members()]) {
      // One that goes may complete a join, which takes others with it.
      if (member.sessionDeadlineUs <= nowUs && group.member(member.id) === member)
        this.remove(led, group, member);
    }
    if (group.joinPhase !== undefined && group.joinPhase.deadlineUs <= nowUs) this.#joinTimeOver(led, group);
    if (group.syncDeadlineUs <= nowUs) this.#syncTimeOver(led, group);
    this.#schedule.noLaterThan(led, group, group.earliestDeadlineUs());
  }

  get #wallMs(): number {
    return this.#clock.wallMs ?? -1;
  }

  #completeIfReady(led: LedPartition, group: Group): void {
    if (group.joinPhase === undefined || group.joinPhase.initial !== undefined) return;
    if (group.everybodyJoined) this.#completeJoin(led, group);
  }

  #joinTimeOver(led: LedPartition, group: Group): void {
    const initial = group.joinPhase?.initial;
    if (group.joinPhase !== undefined && initial?.newMemberCame === true && initial.remainingMs > 0) {
      const delayMs = Math.min(this.#settings.initialRebalanceDelayMs, initial.remainingMs);
      group.joinPhase = {
        deadlineUs: this.#clock.nowUs + delayMs * usPerMs,
        initial: { remainingMs: initial.remainingMs - delayMs, newMemberCame: false },
      };
      return;
    }
    this.#completeJoin(led, group);
  }

  /** Who has not come is out, but static members, which may be restarting: the next generation begins. */
  #completeJoin(led: LedPartition, group: Group): void {
    const { nowUs } = this.#clock;
    for (const member of [...group.members()]) {
      if (member.joinRequestId === undefined && member.traits.instanceId === undefined) group.remove(member);
    }
    if (!group.electLeader()) {
      // Nobody is there to share out: static members have until their sessions end.
      group.joinPhase = { deadlineUs: nowUs + group.rebalanceTimeoutMs * usPerMs, initial: undefined };
      this.#schedule.noLaterThan(led, group, group.joinPhase.deadlineUs);
      return;
    }
    group.beginGeneration(this.#wallMs);
    if (group.size === 0) {
      // Where it fails nothing is lost: another coordinator would wait for members that are gone, until their sessions end.
      this.#writer.append(led, [{ kind: 'group', group: group.id, value: group.stored() }], {
        kind: 'nothing',
      });
      return;
    }
    group.syncDeadlineUs = nowUs + group.rebalanceTimeoutMs * usPerMs;
    this.#schedule.noLaterThan(led, group, group.syncDeadlineUs);
    for (const member of group.members()) {
      const requestId = group.takeJoin(member);
      if (requestId === undefined) continue;
      this.#port.reply(requestId, joined(group, member));
      member.isNew = false;
      member.owesSync = true;
      this.touch(led, group, member);
    }
  }

  /** Members that joined and have not asked for their assignment since are taken for gone. */
  #syncTimeOver(led: LedPartition, group: Group): void {
    group.syncDeadlineUs = Infinity;
    const late = [...group.members()].filter((member) => member.owesSync);
    if (late.length === 0) return;
    for (const member of late) group.remove(member);
    this.prepare(led, group);
  }

  /** The generation will not be shared out: who waits for that is told why. */
  #abandonSync(led: LedPartition, group: Group, error: KafkaError): void {
    group.storing = undefined;
    for (const member of group.members()) {
      member.assignment = noBytes;
      const requestId = group.takeSync(member);
      if (requestId === undefined) continue;
      this.#port.reply(requestId, syncRefused(error));
      this.touch(led, group, member);
    }
  }
}
