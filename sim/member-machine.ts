import { type WatchRequest, type WatchResponse } from '../core/chainfire/api/watch.ts';
import {
  type MemberRefusal,
  type MemberRequest,
  type MemberResponse,
  type MemberStream,
} from '../core/chainfire/member-protocol.ts';
import { type GroupMessage, type SnapshotHeader } from '../core/raft/types.ts';
import { type ProcessMachine, type ProcessTypes } from './process-protocol.ts';
import { type SimulatedProcess } from './process.ts';

/** What a member of Chainfire adds to the events and effects of every machine. */
export interface MemberTypes extends ProcessTypes {
  readonly request: MemberRequest;
  readonly response: MemberResponse;
  readonly message: GroupMessage;
  readonly header: SnapshotHeader;
  readonly act: never;
  readonly report: never;
  readonly stream: {
    readonly opening: MemberStream;
    readonly request: WatchRequest;
    readonly item: WatchResponse;
    readonly refusal: MemberRefusal;
  };
}

/** A member, or a test's stand-in for one. */
export type MemberMachine = ProcessMachine<MemberTypes>;

export type ProcessOf<M extends MemberMachine> = SimulatedProcess<M, MemberTypes>;
