import { type Scenario } from '../../../sim/types.ts';
import { type ClientHistory } from '../../evidence/client-history.ts';
import { type NodeState, type RunEvidence, type StepNumber } from '../../evidence/types.ts';

/** What the page asks of the simulator that it carries, and is told. */
export interface Plan {
  readonly scenario: Scenario;
  readonly seed: number;
}

export type EngineRequest =
  | { readonly kind: 'run'; readonly plan: Plan }
  | { readonly kind: 'inspect'; readonly plan: Plan; readonly step: StepNumber };

export interface Ran {
  readonly kind: 'ran';
  readonly evidence: RunEvidence;
  /** Steps that the violation follows from; undefined: there is none. */
  readonly past: ReadonlySet<StepNumber> | undefined;
  readonly history: ClientHistory;
  readonly wallMs: number;
}

export interface Inspected {
  readonly kind: 'inspected';
  readonly states: readonly NodeState[];
}

/** The simulator itself broke on what it was asked: a fault of a member that does not exist, for one. */
export interface Broke {
  readonly kind: 'broke';
  readonly reason: string;
}

export type EngineAnswer = Ran | Inspected | Broke;

export interface Asked {
  readonly id: number;
  readonly request: EngineRequest;
}

export interface Answered {
  readonly id: number;
  readonly answer: EngineAnswer;
}
