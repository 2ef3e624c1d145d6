import {
  type ActEffect,
  type PersistEffect,
  type RemoveSegmentsEffect,
  type StopEffect,
} from '../../base/effects.ts';
import { type TickEvent, type WallClockEvent } from '../../base/machine.ts';
import { usPerSecond } from '../../base/units.ts';
import { type SegmentRepair } from '../../storage/segment-files.ts';
import { type AgentRequest, type AgentResponse } from '../agent-protocol.ts';
import { type HypervisorAct, type HypervisorReport } from '../hypervisor.ts';
import { type StorageRequest, type StorageResponse } from '../storage-protocol.ts';
import { type Labels, type NodeName, type Resources } from '../types.ts';
import { type WatchdogRequest, type WatchdogResponse } from '../watchdog/protocol.ts';

/** What an agent is told at start. */
export interface AgentConfig {
  readonly node: NodeName;
  /** Random for each start of the agent. */
  readonly agentBootId: string;
  /** The system's boot id of the machine under it. Another one than last time: no process of then is left. */
  readonly machineBootId: string;
  readonly capacity: Resources;
  readonly labels: Labels;
  readonly accelerators: readonly string[];
  /** Where the agent is asked by others. */
  readonly address: string;
  /** How many servers there are; they are asked by position, 0 to `servers` - 1. At least 1. */
  readonly servers: number;
  readonly settings: AgentSettings;
}

export interface AgentSettings {
  /** Must-stop virtual machines are killed this long before the lease ends. */
  readonly leaseMarginUs: number;
  /** The watchdog kills them this long before the lease ends. Below `leaseMarginUs`. */
  readonly watchdogMarginUs: number;
  /** From one renewal of the lease to the next. */
  readonly renewIntervalUs: number;
  /** After this long without an answer a call of a server has failed; a watch has `watchWaitUs` on top of it. */
  readonly callTimeoutUs: number;
  readonly storageTimeoutUs: number;
  readonly watchdogTimeoutUs: number;
  /** A server answers a watch after this long also if there is nothing new. */
  readonly watchWaitUs: number;
  /** Waits between attempts double from the first to the second, each with up to a quarter on top of it. */
  readonly retryUsMin: number;
  readonly retryUsMax: number;
  /** Of renewals: while no server leads the lease runs on, and the next leader is to be found before it ends. */
  readonly renewRetryUsMax: number;
  /** Waits before a guest that has ended is started again; it doubles. */
  readonly restartUsMin: number;
  readonly restartUsMax: number;
  /** A guest that has run this long has recovered: the next wait is the first one again. */
  readonly restartResetUs: number;
  /** So many preparations and launches fail in a row before a virtual machine has failed. */
  readonly launchAttemptsMax: number;
  /** How long a guest that was asked to shut down is waited for, before its process is killed. */
  readonly powerDownUs: number;
  /** How long a process that owns its virtual machine waits for its state from the other node, before it is started cold. */
  readonly arrivalUs: number;
  /** Virtual machines in a report; the rest goes into the next. */
  readonly reportVmsMax: number;
  /** Virtual machines, by id and token, that an agent keeps in mind. What is wanted beyond it is not taken on, and counted. */
  readonly vmsMax: number;
  /** A file of the journal that has reached this size is followed by a new one that says everything anew. */
  readonly journalBytesMax: number;
}

export const defaultAgentSettings: AgentSettings = {
  leaseMarginUs: 3 * usPerSecond,
  watchdogMarginUs: 1.5 * usPerSecond,
  renewIntervalUs: 2 * usPerSecond,
  callTimeoutUs: 2 * usPerSecond,
  storageTimeoutUs: 10 * usPerSecond,
  watchdogTimeoutUs: usPerSecond,
  watchWaitUs: 10 * usPerSecond,
  retryUsMin: 100_000,
  retryUsMax: 5 * usPerSecond,
  renewRetryUsMax: 5 * usPerSecond,
  restartUsMin: usPerSecond,
  restartUsMax: 300 * usPerSecond,
  restartResetUs: 600 * usPerSecond,
  launchAttemptsMax: 8,
  powerDownUs: 60 * usPerSecond,
  arrivalUs: 10 * usPerSecond,
  reportVmsMax: 256,
  vmsMax: 8_192,
  journalBytesMax: 1_048_576,
};

export interface AgentPorts {
  /** The journal lies in files whose names begin with `journal/`. */
  readonly segments: SegmentRepair;
}

/**
 * What an agent has done by others. A call has a number, which its report names; a report that never comes counts as a
 * failure after the call's time, and one that comes after that, or again, is ignored.
 */
export type AgentAct =
  | { readonly kind: 'hypervisor'; readonly act: HypervisorAct }
  | {
      readonly kind: 'callServer';
      readonly callId: number;
      /** Position among the servers. */
      readonly server: number;
      readonly request: AgentRequest;
      readonly timeoutUs: number;
    }
  | {
      readonly kind: 'callStorage';
      readonly callId: number;
      readonly request: StorageRequest;
      readonly timeoutUs: number;
    }
  | {
      readonly kind: 'callWatchdog';
      readonly callId: number;
      readonly request: WatchdogRequest;
      readonly timeoutUs: number;
    };

export type AgentReport =
  | { readonly kind: 'hypervisor'; readonly report: HypervisorReport }
  | { readonly kind: 'serverAnswered'; readonly callId: number; readonly response: AgentResponse }
  | { readonly kind: 'serverFailed'; readonly callId: number; readonly reason: string }
  | { readonly kind: 'storageAnswered'; readonly callId: number; readonly response: StorageResponse }
  | { readonly kind: 'storageFailed'; readonly callId: number; readonly reason: string }
  | { readonly kind: 'watchdogAnswered'; readonly callId: number; readonly response: WatchdogResponse }
  | { readonly kind: 'watchdogFailed'; readonly callId: number; readonly reason: string };

export type AgentEvent =
  | TickEvent
  /** An agent has no use for it. */
  | WallClockEvent
  | { readonly kind: 'synced'; readonly syncSeq: number }
  | { readonly kind: 'acted'; readonly report: AgentReport };

export type AgentEffect = PersistEffect | RemoveSegmentsEffect | ActEffect<AgentAct> | StopEffect;
