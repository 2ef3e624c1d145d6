import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { type Fault } from '../../../../sim/fault.ts';
import { type Scenario } from '../../../../sim/types.ts';
import { type Repro } from '../../../../sim/repro.ts';
import { type EngineLink, startEngine } from '../engine-link.ts';
import { type Plan, type Ran } from '../protocol.ts';
import { type Inspect } from '../workbench/inspection.ts';
import { type OwnRun } from './facts.tsx';

export interface EditedRun {
  readonly plan: Plan;
  readonly ran: Ran;
  /** Counts edited runs, so that each is shown afresh. */
  readonly number: number;
}

export interface Runs {
  /** The failure, run by the page itself. */
  readonly own: OwnRun;
  readonly edited: EditedRun | undefined;
  readonly editing: 'idle' | 'running' | { readonly broke: string };
  readonly runAgain: (faults: readonly Fault[]) => void;
  /** States of the run with this plan. */
  readonly inspectorOf: (plan: Plan) => Inspect;
  readonly plan: Plan;
}

/** The runs that a failure's page makes: the failure as it was found, and as it would have been with other faults. */
export function useRuns(repro: Repro): Runs {
  const plan = useMemo<Plan>(() => ({ scenario: repro.scenario, seed: repro.seed }), [repro]);
  const link = useRef<Promise<EngineLink> | undefined>(undefined);
  const [own, setOwn] = useState<OwnRun>({ kind: 'running' });
  const [edited, setEdited] = useState<EditedRun | undefined>();
  const [editing, setEditing] = useState<Runs['editing']>('idle');
  const engine = useCallback(() => (link.current ??= startEngine()), []);
  useEffect(() => {
    void firstRun(engine(), plan).then(setOwn);
  }, [engine, plan]);
  const runAgain = (faults: readonly Fault[]): void => {
    const next: Plan = { ...plan, scenario: withFaults(repro, faults) };
    setEditing('running');
    void secondRun(engine(), next).then((ran) => {
      if (ran instanceof Error) {
        setEditing({ broke: ran.message });
        return;
      }
      setEdited((before) => ({ plan: next, ran, number: (before?.number ?? 0) + 1 }));
      setEditing('idle');
    });
  };
  const inspectorOf = useCallback(
    (of: Plan): Inspect =>
      async (step) =>
        (await engine()).inspect(of, step),
    [engine],
  );
  return { own, edited, editing, runAgain, inspectorOf, plan };
}

/** What a run must have done is said of the faults that it had: with others only an idle run is held to it. */
function withFaults(repro: Repro, faults: readonly Fault[]): Scenario {
  const { floors, ...scenario } = repro.scenario;
  return floors === undefined || repro.violation.invariant !== 'idle'
    ? { ...scenario, faults }
    : { ...scenario, faults, floors };
}

async function firstRun(link: Promise<EngineLink>, plan: Plan): Promise<OwnRun> {
  try {
    const engine = await link;
    return { kind: 'ran', ran: await engine.run(plan), where: engine.where };
  } catch (failure) {
    return { kind: 'broke', reason: failure instanceof Error ? failure.message : String(failure) };
  }
}

async function secondRun(link: Promise<EngineLink>, plan: Plan): Promise<Ran | Error> {
  try {
    return await (await link).run(plan);
  } catch (failure) {
    return failure instanceof Error ? failure : new Error(String(failure));
  }
}
