import { type NodeId } from '../../core/base/ids.ts';
import { type MemberEvent } from '../../core/chainfire/member-protocol.ts';
import { type Role } from '../../core/raft/types.ts';
import { type Fault } from '../../sim/fault.ts';
import { type Operation, type RunResult } from '../../sim/types.ts';

/** Number of a step in a run, from 0: `steps[n - firstStep]` is the step n. Everything in a page is addressed by it. */
export type StepNumber = number;

/** What one run did, kept whole: made by running it again, in Node or in a page. Times are the world's, in µs. */
export interface RunEvidence {
  readonly result: RunResult;
  readonly nodes: readonly NodeId[];
  readonly clients: number;
  readonly steps: readonly StepRecord[];
  readonly packets: readonly Packet[];
  readonly faults: readonly FaultRecord[];
  /** Starts and ends of processes, and what the simulator did to disks and networks, in words. */
  readonly notes: readonly Note[];
  readonly lanes: ReadonlyMap<NodeId, NodeLanes>;
  readonly operations: readonly Operation[];
  /** By position in `operations`: the steps that were given it, and those that answered it. */
  readonly operationSteps: readonly (readonly StepNumber[])[];
  /** More steps were made than kept: the first ones are missing, and numbers begin at this one. 0: all are here. */
  readonly firstStep: StepNumber;
}

/** One step of a member's machine. */
export interface StepRecord {
  readonly atUs: number;
  readonly node: NodeId;
  /** Who lives there, where that is not the member of the node's own number: another has moved in. */
  readonly member?: NodeId;
  /** Counts the process's starts, from 1. */
  readonly boot: number;
  readonly kind: MemberEvent['kind'];
  /** `received from=2 append …`: what went in. */
  readonly event: string;
  /** What came out, one text an effect. */
  readonly effects: readonly string[];
  /** Steps that this one follows from: the step before it on its node in the same boot, and those whose packets it was given. */
  readonly causes: readonly StepNumber[];
}

/** What went over a link: a message, a request of a client or its answer. */
export interface Packet {
  readonly from: Endpoint;
  readonly to: Endpoint;
  readonly sentUs: number;
  /** Undefined: it never arrived. */
  readonly arrivedUs: number | undefined;
  /** The step whose effect it was; undefined for a client's. */
  readonly sentBy: StepNumber | undefined;
  /** The step that was given it; undefined: nobody took it, or a client did. */
  readonly takenBy: StepNumber | undefined;
  /** Kinds of what it carries: `append`, `voteRequest`, `put`. */
  readonly what: string;
}

export type Endpoint =
  { readonly kind: 'node'; readonly node: NodeId } | { readonly kind: 'client'; readonly client: number };

/** When a fault of the schedule was in force. */
export interface FaultRecord {
  /** Its position in the scenario's list. */
  readonly position: number;
  readonly fault: Fault;
  readonly fromUs: number;
  readonly toUs: number;
  /** It had an effect. */
  readonly fired: boolean;
}

export interface Note {
  readonly atUs: number;
  readonly node: NodeId | undefined;
  readonly text: string;
}

/** What changed on one node, each list in the order of time and without repetitions of a value. */
export interface NodeLanes {
  readonly role: readonly Change<Role | 'down' | 'paused'>[];
  readonly term: readonly Change<number>[];
  readonly commitIndex: readonly Change<number>[];
  readonly appliedIndex: readonly Change<number>[];
  /** What the node's clock is ahead of the world's, since its boot. */
  readonly clockOffsetUs: readonly Change<number>[];
  /** Bytes of the log that were appended, and of those that are on the platter. */
  readonly appendedBytes: readonly Change<number>[];
  readonly durableBytes: readonly Change<number>[];
}

export interface Change<T> {
  readonly atUs: number;
  readonly step: StepNumber;
  readonly value: T;
}

/** One node at one step, in words and numbers, by sections: `raft`, `log`, `store`, `leases`, `watches`, `disk`. */
export interface NodeState {
  readonly node: NodeId;
  readonly sections: readonly {
    readonly name: string;
    readonly fields: readonly (readonly [string, string])[];
  }[];
}
