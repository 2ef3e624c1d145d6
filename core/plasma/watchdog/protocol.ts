import { type ActEffect, type ReplyEffect } from '../../base/effects.ts';
import { type TickEvent, type WallClockEvent } from '../../base/machine.ts';
import { type InstanceId } from '../types.ts';

/**
 * Between an agent and the watchdog of its node, over a unix socket: JSON, a line each way. The watchdog is a process of its
 * own, so it kills what must stop also when the agent stands still or is gone. It keeps nothing on disk: after a new start
 * of it nothing is guarded until the agent says so again.
 *
 * Times are those of the machine's monotonic clock, which both processes read (`CLOCK_MONOTONIC`; in the simulator, the
 * node's clock).
 */
export type WatchdogRequest =
  /**
   * From now on each of `instances` is killed at `deadlineUs`, whatever was said of it before. Those that are guarded
   * already and named nowhere here keep the deadline they have. `released` are guarded no more: their processes are surely
   * gone. The answer comes when it is so: before it, nothing may be counted on.
   */
  | {
      readonly kind: 'guard';
      /** The agent's start. A new one takes over; what an earlier one says after that is refused. */
      readonly agentBootId: string;
      /** Rises with each of an agent's start. */
      readonly sequence: number;
      readonly deadlineUs: number;
      readonly instances: readonly InstanceId[];
      readonly released: readonly InstanceId[];
    }
  /** Says what is guarded, and changes nothing. */
  | { readonly kind: 'status' };

export type WatchdogResponse =
  | { readonly kind: 'guarded'; readonly sequence: number; readonly killed: readonly InstanceId[] }
  | {
      readonly kind: 'status';
      readonly guarded: readonly GuardedInstance[];
      /** What it has killed and an agent has not released since: at most the newest 4,096. */
      readonly killed: readonly InstanceId[];
    }
  | {
      readonly kind: 'refused';
      readonly code:
        /** Of an earlier start of the agent, or older than what the same one has said. */
        | 'STALE'
        /** The deadline has passed already; nothing of the request was done. */
        | 'DEADLINE_PASSED'
        /** More than it guards (`WatchdogConfig.instancesMax`). */
        | 'TOO_MANY'
        | 'INVALID';
      readonly message: string;
    };

export interface GuardedInstance {
  readonly instance: InstanceId;
  readonly deadlineUs: number;
}

/**
 * SIGKILL to the process of this pid if it has these start ticks. Reported as `gone` when there surely is no such process any
 * more (also when there was none), else as `killFailed`.
 */
export interface WatchdogAct {
  readonly kind: 'kill';
  readonly instance: InstanceId;
}

export type WatchdogReport =
  | { readonly kind: 'gone'; readonly instance: InstanceId }
  | { readonly kind: 'killFailed'; readonly instance: InstanceId; readonly message: string };

export type WatchdogEvent =
  | TickEvent
  | WallClockEvent
  | { readonly kind: 'requested'; readonly requestId: number; readonly request: WatchdogRequest }
  | { readonly kind: 'cancelled'; readonly requestId: number }
  | { readonly kind: 'acted'; readonly report: WatchdogReport };

export type WatchdogEffect = ReplyEffect<WatchdogResponse> | ActEffect<WatchdogAct>;

export interface WatchdogConfig {
  /** Guarded at once at most. */
  readonly instancesMax: number;
  /** A kill that has not been reported as done is repeated after this long. */
  readonly killRetryUs: number;
}

export const defaultWatchdogConfig: WatchdogConfig = { instancesMax: 65_536, killRetryUs: 100_000 };
