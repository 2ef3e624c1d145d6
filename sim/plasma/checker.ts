import { type HypervisorAct } from '../../core/plasma/hypervisor.ts';
import { type StorageRequest, type StorageResponse } from '../../core/plasma/storage-protocol.ts';
import { type ImageFetchAct } from '../../core/plasma/images/image-fetch.ts';
import { type Digest, type NodeName } from '../../core/plasma/types.ts';
import { type EndedProcess, type Execution } from './hypervisor-types.ts';
import { type PlasmaStep } from './processes.ts';
import { type PlasmaState } from './state.ts';
import { type CarriedOutWrite } from './storage.ts';
import { type TrueCommit } from './truth.ts';

/** What a checker of the platform sees: everything, whoever knows of it in the simulated world. */
export interface PlasmaChecker {
  readonly name: string;
  /** A transaction of the control plane is in the store; `state.truth` shows it and what came with it. @throws Violation */
  onCommit?(commit: TrueCommit, state: PlasmaState): void;
  /** @throws Violation */
  onStep?(step: PlasmaStep, state: PlasmaState): void;
  /** A guest begins to execute, by the true clock. @throws Violation */
  onExecution?(execution: Execution, state: PlasmaState): void;
  onExecutionEnded?(execution: Execution, state: PlasmaState): void;
  /** A hypervisor process is no more, by the true clock. @throws Violation */
  onProcessEnded?(ended: EndedProcess, state: PlasmaState): void;
  /** An agent has its hypervisor do something. @throws Violation */
  onAct?(node: NodeName, act: HypervisorAct, state: PlasmaState): void;
  /** A node fetches an image: before it is done. @throws Violation */
  onImageAct?(node: NodeName, digest: Digest, act: ImageFetchAct, state: PlasmaState): void;
  /** A write is on its disk. @throws Violation */
  onWritten?(write: CarriedOutWrite, state: PlasmaState): void;
  /** An answer leaves the storage node. @throws Violation */
  onStorageAnswered?(request: StorageRequest, response: StorageResponse, state: PlasmaState): void;
  /** Looked at often, for what is wrong only once it lasts. @throws Violation */
  onLook?(state: PlasmaState): void;
  /** After the liveness phase. @throws Violation */
  onEnd?(state: PlasmaState): void;
}
