import { causalPast } from '../../evidence/causality.ts';
import { clientHistory } from '../../evidence/client-history.ts';
import { collectEvidence } from '../../evidence/collect.ts';
import { Inspector } from '../../evidence/inspector.ts';
import { type RunEvidence, type StepNumber } from '../../evidence/types.ts';
import { violationSteps } from '../../evidence/violation-steps.ts';
import { plainEvidence } from '../plain-evidence.ts';
import { type EngineAnswer, type EngineRequest, type Plan, type Ran } from './protocol.ts';

/** Runs plans with the page's own copy of core, sim and scenarios. Synchronous: whoever calls it waits. */
export class Engine {
  /** By plan, the newest last: the run as it was found and the edited one can both be gone through. */
  readonly #inspectors = new Map<string, Inspector>();

  answer(request: EngineRequest): EngineAnswer {
    try {
      switch (request.kind) {
        case 'run':
          return run(request.plan);
        case 'inspect':
          return { kind: 'inspected', states: this.#inspector(request.plan).at(request.step) };
      }
    } catch (failure) {
      return { kind: 'broke', reason: failure instanceof Error ? failure.message : String(failure) };
    }
  }

  #inspector(plan: Plan): Inspector {
    const key = JSON.stringify(plan);
    const inspector = this.#inspectors.get(key) ?? new Inspector(plan.scenario, plan.seed);
    this.#inspectors.delete(key);
    this.#inspectors.set(key, inspector);
    for (const old of this.#inspectors.keys()) {
      if (this.#inspectors.size <= inspectorsMax) break;
      this.#inspectors.delete(old);
    }
    return inspector;
  }
}

/** Each holds a whole simulated cluster. */
const inspectorsMax = 2;

function run(plan: Plan): Ran {
  const startMs = performance.now();
  const evidence = collectEvidence(plan.scenario, plan.seed);
  const wallMs = performance.now() - startMs;
  const history = clientHistory(evidence);
  return { kind: 'ran', evidence: plainEvidence(evidence), past: pastOf(evidence), history, wallMs };
}

function pastOf(evidence: RunEvidence): ReadonlySet<StepNumber> | undefined {
  const shown = violationSteps(evidence);
  if (shown.length === 0) return undefined;
  const past = causalPast(evidence, shown);
  const steps = new Set<StepNumber>();
  const end = evidence.firstStep + evidence.steps.length;
  for (let step = evidence.firstStep; step < end; step += 1) if (past.has(step)) steps.add(step);
  return steps;
}
