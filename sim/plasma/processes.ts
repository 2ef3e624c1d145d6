import {
  type PlasmaServer,
  type PlasmaServerAct,
  type PlasmaServerReport,
} from '../../core/cloud/plasma-server.ts';
import { type Agent } from '../../core/plasma/agent/agent.ts';
import { type AgentAct, type AgentReport } from '../../core/plasma/agent/protocol.ts';
import {
  type ControlPlaneRequest,
  type ControlPlaneResponse,
} from '../../core/plasma/control-plane/protocol.ts';
import { type StorageAct, type StorageReport } from '../../core/plasma/storage/exports-protocol.ts';
import { type DiskExports } from '../../core/plasma/storage/disk-exports.ts';
import { type StorageRequest, type StorageResponse } from '../../core/plasma/storage-protocol.ts';
import {
  type WatchdogAct,
  type WatchdogReport,
  type WatchdogRequest,
  type WatchdogResponse,
} from '../../core/plasma/watchdog/protocol.ts';
import { type Watchdog } from '../../core/plasma/watchdog/watchdog.ts';
import {
  type NoStreams,
  type ProcessEffect,
  type ProcessEvent,
  type ProcessTypes,
} from '../process-protocol.ts';
import { type SimulatedProcess } from '../process.ts';

/** What each machine of the VM platform adds to the events and effects of every machine. */
interface PortTypes extends ProcessTypes {
  readonly message: never;
  readonly header: never;
  readonly stream: NoStreams;
}

export interface ServerTypes extends PortTypes {
  readonly request: ControlPlaneRequest;
  readonly response: ControlPlaneResponse;
  readonly act: PlasmaServerAct;
  readonly report: PlasmaServerReport;
}

export interface AgentTypes extends PortTypes {
  readonly request: never;
  readonly response: never;
  readonly act: AgentAct;
  readonly report: AgentReport;
}

export interface WatchdogTypes extends PortTypes {
  readonly request: WatchdogRequest;
  readonly response: WatchdogResponse;
  readonly act: WatchdogAct;
  readonly report: WatchdogReport;
}

export interface StorageTypes extends PortTypes {
  readonly request: StorageRequest;
  readonly response: StorageResponse;
  readonly act: StorageAct;
  readonly report: StorageReport;
}

export type ServerProcess = SimulatedProcess<PlasmaServer, ServerTypes>;
export type AgentProcess = SimulatedProcess<Agent, AgentTypes>;
export type WatchdogProcess = SimulatedProcess<Watchdog, WatchdogTypes>;
export type StorageProcess = SimulatedProcess<DiskExports, StorageTypes>;

/** A step of one of the platform's processes, for those who watch. */
export type PlasmaStep = (
  | StepOf<'server', ServerProcess, ServerTypes>
  | StepOf<'agent', AgentProcess, AgentTypes>
  | StepOf<'watchdog', WatchdogProcess, WatchdogTypes>
  | StepOf<'storage', StorageProcess, StorageTypes>
) & { readonly nowUs: number };

interface StepOf<Kind extends string, Process, T extends ProcessTypes> {
  readonly of: Kind;
  readonly process: Process;
  readonly event: ProcessEvent<T>;
  readonly effects: readonly ProcessEffect<T>[];
}
