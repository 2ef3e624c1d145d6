import { type DesiredVm } from '../agent-protocol.ts';
import {
  type EndCause,
  type FenceToken,
  type Generation,
  type InstanceId,
  type LeasePolicy,
  type OperationId,
  type VmId,
} from '../types.ts';

/** What a hypervisor process on the node is at. */
export type ProcessPhase =
  /** Launched as paused, and not told to run yet. */
  | 'held'
  | 'running'
  | 'paused'
  /** Waits for its state. */
  | 'incoming'
  /** Has its state, and stands until it is told to run. */
  | 'arrived'
  /** Its state is being sent; the guest runs meanwhile. */
  | 'sending'
  /** Almost all of its state is over; the guest stands, and may still go on here. */
  | 'stoppedBeforeHandOver'
  /** Told to hand over, or found to have been: its guest never runs here again. */
  | 'handingOver'
  | 'unresponsive'
  | 'panicked';

export interface LiveProcess {
  readonly instance: InstanceId;
  phase: ProcessPhase;
  incomingUri: string | undefined;
  /** The guest stood before it was to be sent: it stands again when nothing comes of that. */
  stoodBefore: boolean;
  /** Since when it has run under this agent's eyes. */
  sinceUs: number;
  /** Why it is being killed; undefined: it is not. */
  killCause: EndCause | undefined;
  killActId: number | undefined;
  /** When it is killed (again), where a kill has failed. */
  killAgainUs: number;
  /** It was asked to shut down, for the wish of this generation. */
  powerDownFor: Generation | undefined;
  /** It is killed if it has not by then. */
  powerDownDueUs: number | undefined;
  /** It owns its virtual machine, and is started cold if nothing arrives by then. */
  arrivalDueUs: number | undefined;
  /** It has been told to hand over, and is killed if it has not ended by then. */
  handOverDueUs: number | undefined;
}

/** How the last process of a virtual machine ended. */
export interface ProcessExit {
  readonly cause: EndCause;
  /** What was wanted then. Something newer makes a new start of it. */
  readonly generation: Generation;
}

export interface VmOperation {
  readonly id: OperationId;
  readonly outcome: 'begun' | 'done' | 'failed';
  readonly message: string;
}

/** What the journal says was intended. A process is only ever launched after `launching` is durable. */
export type Intent = 'known' | 'launching' | 'launched' | 'handingOver';

/** What is under way for a virtual machine: one at a time, a kill apart. */
export interface PendingStep {
  readonly id: number;
  readonly step: ActingStep;
  /** When it counts as failed; `Infinity`: the hypervisor reports, for sure. */
  readonly failsAtUs: number;
}

/** What is to be done next for a virtual machine. */
export type ActingStep =
  | {
      readonly kind: 'openExport';
      readonly disk: string;
      readonly activate: boolean;
      /** The operation that needs it; undefined: the launch or the guest does. */
      readonly operationId: OperationId | undefined;
    }
  | { readonly kind: 'createDisk'; readonly disk: string; readonly sizeBytes: number }
  | { readonly kind: 'closeExport'; readonly disk: string }
  | { readonly kind: 'prepare' }
  | { readonly kind: 'launch'; readonly incoming: boolean; readonly paused: boolean }
  | { readonly kind: 'pause' | 'resume' | 'powerDown' | 'cancelMigration' | 'handOver' | 'remove' }
  | { readonly kind: 'migrateOut'; readonly uri: string }
  | { readonly kind: 'operate'; readonly operationId: OperationId };

export type VmStep =
  | ActingStep
  | { readonly kind: 'kill'; readonly cause: EndCause }
  /** What is wanted is so, or nothing is wanted. */
  | { readonly kind: 'rest' }
  /** Something else must happen first, or a time come. */
  | { readonly kind: 'wait'; readonly untilUs: number };

/** A virtual machine under one of its tokens, on this node: what is wanted of it, and what it is. */
export interface AgentVm {
  readonly vm: VmId;
  readonly fenceToken: FenceToken;
  /** Undefined: nothing is wanted of it, so it is left as it is. */
  desired: DesiredVm | undefined;
  verdict: 'adopt' | 'kill' | 'orphan' | undefined;
  /** Undefined: nobody has said. */
  leasePolicy: LeasePolicy | undefined;
  intent: Intent;
  process: LiveProcess | undefined;
  /** The newest that was taken on. */
  generation: Generation;
  /** The newest that has been carried out; 0: none, in this life of the agent. */
  carriedOut: Generation;
  exit: ProcessExit | undefined;
  /** The process that has ended last, as far as is known. */
  lastInstance: InstanceId | undefined;
  /** The journal may have known more of it than it does. */
  forgetful: boolean;
  /** Launches after the end of a guest. */
  restarts: number;
  /** Of those, since it last ran for long. */
  restartsInRow: number;
  /** Something of it lies on the node's disk. */
  files: boolean;
  prepared: boolean;
  /** Exports that were opened for the process that runs or is about to, by disk's name in the virtual machine. */
  readonly exports: Map<string, { readonly uri: string; readonly active: boolean }>;
  /** A shared disk that the storage node does not have yet. */
  missingDisk: { readonly name: string; readonly sizeBytes: number } | undefined;
  /** Shared disks whose exports are closed, for removal. */
  readonly closed: Set<string>;
  /** Preparations and launches in a row that came to nothing. */
  attempts: number;
  /** Failures in a row of anything else. */
  retries: number;
  /** No process is started before it. */
  startNotBeforeUs: number;
  /** What has failed is not tried again before it. */
  retryNotBeforeUs: number;
  /** It can not be launched, until something newer is wanted. */
  launchFailed: { readonly generation: Generation } | undefined;
  /** A newer token writes its disks: it is never started under this one. */
  fenced: boolean;
  /** Where it could not be sent. */
  migrationFailedUri: string | undefined;
  operations: readonly VmOperation[];
  pending: PendingStep | undefined;
  /** Nothing of it is left on the node, surely. */
  gone: boolean;
  message: string;
}

/** By virtual machine, then by token; a valid id is of fixed length. */
export function vmKey(vm: VmId, fenceToken: FenceToken): string {
  return `${vm}/${String(fenceToken).padStart(16, '0')}`;
}

export function newVm(vm: VmId, fenceToken: FenceToken): AgentVm {
  return {
    vm,
    fenceToken,
    desired: undefined,
    verdict: undefined,
    leasePolicy: undefined,
    intent: 'known',
    process: undefined,
    generation: 0,
    carriedOut: 0,
    exit: undefined,
    lastInstance: undefined,
    forgetful: false,
    restarts: 0,
    restartsInRow: 0,
    files: false,
    prepared: false,
    exports: new Map(),
    missingDisk: undefined,
    closed: new Set(),
    attempts: 0,
    retries: 0,
    startNotBeforeUs: 0,
    retryNotBeforeUs: 0,
    launchFailed: undefined,
    fenced: false,
    migrationFailedUri: undefined,
    operations: [],
    pending: undefined,
    gone: false,
    message: '',
  };
}

export function newProcess(instance: InstanceId, phase: ProcessPhase, nowUs: number): LiveProcess {
  return {
    instance,
    phase,
    incomingUri: undefined,
    stoodBefore: false,
    sinceUs: nowUs,
    killCause: undefined,
    killActId: undefined,
    killAgainUs: 0,
    powerDownFor: undefined,
    powerDownDueUs: undefined,
    arrivalDueUs: undefined,
    handOverDueUs: undefined,
  };
}

/** A process is there, or is being launched. */
export function occupies(vm: AgentVm): boolean {
  return vm.process !== undefined || vm.pending?.step.kind === 'launch';
}

export function mustStop(vm: AgentVm): boolean {
  return vm.leasePolicy === 'must-stop';
}
