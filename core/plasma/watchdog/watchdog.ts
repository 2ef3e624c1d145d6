import { assert, unreachable } from '../../base/assert.ts';
import { type Machine } from '../../base/machine.ts';
import { instanceKey } from '../instance-key.ts';
import { type InstanceId } from '../types.ts';
import {
  type WatchdogConfig,
  type WatchdogEffect,
  type WatchdogEvent,
  type WatchdogReport,
  type WatchdogRequest,
  type WatchdogResponse,
} from './protocol.ts';

/** Starts of agents that have been superseded and are still known as such. */
const earlierAgentsMax = 64;
/** What was killed and not released, as told to agents. */
const killedMax = 4_096;

interface Guarded {
  readonly instance: InstanceId;
  deadlineUs: number;
  /** When it is killed (again); `Infinity` while its deadline lies ahead. Once finite it stays so: nobody puts it off any more. */
  strikeUs: number;
}

/**
 * Kills the virtual machines of a node that must not outlive its lease, each at its deadline, unless the agent has put that
 * off by then. It needs nothing of anybody for it.
 *
 * What has reached its deadline is killed whatever is said afterwards, and stays listed as killed until the agent releases it.
 */
export class Watchdog implements Machine<WatchdogEvent, WatchdogEffect> {
  readonly #config: WatchdogConfig;
  /** By all of the instance. */
  readonly #guarded = new Map<string, Guarded>();
  readonly #killed = new Map<string, InstanceId>();
  #agentBootId: string | undefined;
  readonly #earlierAgents = new Set<string>();
  #sequence = 0;
  #effects: WatchdogEffect[] = [];

  constructor(config: WatchdogConfig) {
    assert(config.instancesMax >= 1, 'a watchdog guards something');
    assert(config.killRetryUs >= 1, 'a kill is not repeated at once');
    this.#config = config;
  }

  get deadlineUs(): number {
    let deadlineUs = Infinity;
    for (const guarded of this.#guarded.values()) {
      const dueUs = guarded.strikeUs === Infinity ? guarded.deadlineUs : guarded.strikeUs;
      deadlineUs = Math.min(deadlineUs, dueUs);
    }
    return deadlineUs;
  }

  step(event: WatchdogEvent, nowUs: number): readonly WatchdogEffect[] {
    // First of all: a request that comes late, in the step that sees the deadline, does not put it off.
    this.#strike(nowUs);
    switch (event.kind) {
      case 'tick':
      case 'wallClock':
      case 'cancelled':
        break;
      case 'requested': {
        const response = this.#answer(event.request, nowUs);
        this.#effects.push({ kind: 'reply', requestId: event.requestId, response, afterSyncSeq: 0 });
        break;
      }
      case 'acted':
        this.#onReport(event.report);
        break;
      default:
        unreachable(event);
    }
    const effects = this.#effects;
    this.#effects = [];
    return effects;
  }

  #strike(nowUs: number): void {
    for (const guarded of this.#guarded.values()) {
      if (guarded.deadlineUs > nowUs && guarded.strikeUs === Infinity) continue;
      if (guarded.strikeUs !== Infinity && guarded.strikeUs > nowUs) continue;
      guarded.strikeUs = nowUs + this.#config.killRetryUs;
      this.#effects.push({
        kind: 'act',
        act: { kind: 'kill', instance: guarded.instance },
        afterSyncSeq: 0,
      });
    }
  }

  #onReport(report: WatchdogReport): void {
    // What failed is tried again at its time.
    if (report.kind === 'killFailed') return;
    const key = instanceKey(report.instance);
    if (!this.#guarded.delete(key)) return;
    this.#killed.set(key, report.instance);
    for (const oldest of this.#killed.keys()) {
      if (this.#killed.size <= killedMax) break;
      this.#killed.delete(oldest);
    }
  }

  #answer(request: WatchdogRequest, nowUs: number): WatchdogResponse {
    switch (request.kind) {
      case 'status':
        return {
          kind: 'status',
          guarded: [...this.#guarded.values()]
            .filter(({ strikeUs }) => strikeUs === Infinity)
            .map(({ instance, deadlineUs }) => ({ instance, deadlineUs })),
          killed: this.#dead(),
        };
      case 'guard':
        return this.#refusalOf(request, nowUs) ?? this.#guard(request);
      default:
        return {
          kind: 'refused',
          code: 'INVALID',
          message: `unknown request "${String((request as { kind: unknown }).kind)}": guard or status`,
        };
    }
  }

  #refusalOf(
    request: WatchdogRequest & { kind: 'guard' },
    nowUs: number,
  ): (WatchdogResponse & { kind: 'refused' }) | undefined {
    const { agentBootId, sequence, deadlineUs, instances } = request;
    if (!Number.isSafeInteger(deadlineUs) || !Number.isSafeInteger(sequence) || sequence < 1)
      return refusal('INVALID', 'deadlineUs and sequence are whole numbers, a sequence is at least 1');
    if (this.#earlierAgents.has(agentBootId))
      return refusal('STALE', `a later start than ${agentBootId} of the agent has taken over`);
    if (agentBootId === this.#agentBootId && sequence <= this.#sequence)
      return refusal('STALE', `sequence ${sequence} is not above ${this.#sequence}, the last one`);
    if (deadlineUs <= nowUs)
      return refusal('DEADLINE_PASSED', `the deadline ${deadlineUs} has passed, it is ${nowUs}`);
    const added = instances.filter((instance) => !this.#guarded.has(instanceKey(instance))).length;
    if (this.#guarded.size + added > this.#config.instancesMax)
      return refusal('TOO_MANY', `at most ${this.#config.instancesMax} instances are guarded`);
    return undefined;
  }

  #guard(request: WatchdogRequest & { kind: 'guard' }): WatchdogResponse {
    if (request.agentBootId !== this.#agentBootId) this.#takeOver(request.agentBootId);
    this.#sequence = request.sequence;
    for (const instance of request.released) {
      this.#guarded.delete(instanceKey(instance));
      this.#killed.delete(instanceKey(instance));
    }
    for (const instance of request.instances) {
      const key = instanceKey(instance);
      if (this.#killed.has(key)) continue;
      const guarded = this.#guarded.get(key);
      if (guarded === undefined)
        this.#guarded.set(key, { instance, deadlineUs: request.deadlineUs, strikeUs: Infinity });
      else guarded.deadlineUs = request.deadlineUs;
    }
    return { kind: 'guarded', sequence: request.sequence, killed: this.#dead() };
  }

  #takeOver(agentBootId: string): void {
    if (this.#agentBootId !== undefined) this.#earlierAgents.add(this.#agentBootId);
    for (const oldest of this.#earlierAgents) {
      if (this.#earlierAgents.size <= earlierAgentsMax) break;
      this.#earlierAgents.delete(oldest);
    }
    this.#agentBootId = agentBootId;
  }

  /** Killed, or past its deadline and about to be. */
  #dead(): readonly InstanceId[] {
    const dead = [...this.#killed.values()];
    for (const { instance, strikeUs } of this.#guarded.values())
      if (strikeUs !== Infinity) dead.push(instance);
    return dead;
  }
}

function refusal(
  code: (WatchdogResponse & { kind: 'refused' })['code'],
  message: string,
): WatchdogResponse & { kind: 'refused' } {
  return { kind: 'refused', code, message };
}
