import { type JSX } from 'preact';
import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { encodeRepro } from '../../../../sim/repro-file.ts';
import { type Fault } from '../../../../sim/types.ts';
import { type FailurePage } from '../../page-data.ts';
import { violationSentence } from '../../model/violation.ts';
import { type EngineLink, startEngine } from '../engine-link.ts';
import { type Plan, type Ran } from '../protocol.ts';
import { Workbench } from '../workbench/workbench.tsx';
import { download } from './download.ts';
import { Facts, type OwnRun } from './facts.tsx';
import { FaultEditor } from './fault-editor.tsx';
import { OutcomeView } from './outcome-view.tsx';
import { ScheduleView } from './schedule-view.tsx';

interface EditedRun {
  readonly plan: Plan;
  readonly ran: Ran;
}

/** One failure: what was violated, why, and what would have been. */
export function FailureView(props: { readonly page: FailurePage }): JSX.Element {
  const { repro } = props.page;
  const plan = useMemo<Plan>(() => ({ scenario: repro.scenario, seed: repro.seed }), [repro]);
  const link = useRef<Promise<EngineLink> | undefined>(undefined);
  const [own, setOwn] = useState<OwnRun>({ kind: 'running' });
  const [edited, setEdited] = useState<EditedRun | undefined>();
  const [editing, setEditing] = useState<'idle' | 'running' | { readonly broke: string }>('idle');
  const [shown, setShown] = useState<'found' | 'edited'>('found');
  useEffect(() => {
    link.current ??= startEngine();
    void firstRun(link.current, plan).then(setOwn);
  }, [plan]);
  const runAgain = (faults: readonly Fault[]): void => {
    const next: Plan = { ...plan, scenario: { ...repro.scenario, faults } };
    setEditing('running');
    void (link.current ?? startEngine())
      .then(async (engine) => ({ plan: next, ran: await engine.run(next) }))
      .then(
        (run) => {
          setEdited(run);
          setEditing('idle');
        },
        (failure: unknown) => {
          setEditing({ broke: failure instanceof Error ? failure.message : String(failure) });
        },
      );
  };
  const current =
    shown === 'edited' && edited !== undefined
      ? edited
      : own.kind === 'ran'
        ? { plan, ran: own.ran }
        : undefined;
  const currentPlan = current?.plan ?? plan;
  const inspect = useCallback(
    async (step: number) => (await (link.current ?? startEngine())).inspect(currentPlan, step),
    [currentPlan],
  );
  return (
    <main>
      <header class="verdict bad">
        <p class="kind">Violation</p>
        <h1>{repro.violation.invariant}</h1>
        <p class="sentence">{violationSentence(repro.violation.invariant, repro.violation.detail)}</p>
        <p class="about">{repro.scenario.about}</p>
      </header>
      {own.kind === 'ran' && own.where === 'page' && (
        <p class="notice" role="status">
          This browser made no worker for the page: while a run goes on, the page stands still.
        </p>
      )}
      <div class="two-columns">
        <Facts page={props.page} own={own} />
        <ScheduleView repro={repro} />
      </div>
      <section aria-label="The run" class="run-section">
        <div class="section-head">
          <h2>The run</h2>
          {edited !== undefined && (
            <div class="switch" role="group" aria-label="Which run is shown">
              <button
                type="button"
                aria-pressed={shown === 'found'}
                onClick={() => {
                  setShown('found');
                }}
              >
                as found
              </button>
              <button
                type="button"
                aria-pressed={shown === 'edited'}
                onClick={() => {
                  setShown('edited');
                }}
              >
                edited
              </button>
            </div>
          )}
        </div>
        {own.kind === 'running' && (
          <p class="waiting" role="status">
            This page is running it again …
          </p>
        )}
        {own.kind === 'broke' && (
          <p class="bad" role="alert">
            The page's own run broke: {own.reason}
          </p>
        )}
        {current !== undefined && (
          <Workbench
            key={shown}
            evidence={current.ran.evidence}
            past={current.ran.past}
            inspect={inspect}
            about="by running the same code in this page"
          />
        )}
      </section>
      <div class="two-columns">
        <FaultEditor
          faults={repro.scenario.faults}
          nodes={own.kind === 'ran' ? own.ran.evidence.nodes : []}
          atUs={Math.max(0, repro.violation.atUs - 1_000_000)}
          running={editing === 'running' || own.kind === 'running'}
          onRun={runAgain}
        />
        <section class="what-then" aria-label="What then happens">
          <h2>What then happens</h2>
          {typeof editing === 'object' && (
            <p class="bad" role="alert">
              The simulator broke on it: {editing.broke}
            </p>
          )}
          {edited === undefined || own.kind !== 'ran' ? (
            <p class="muted">Run again to compare.</p>
          ) : (
            <OutcomeView before={own.ran.evidence.result} after={edited.ran.evidence.result} />
          )}
        </section>
      </div>
      <footer class="downloads">
        <h2>Take it along</h2>
        <button
          type="button"
          onClick={() => {
            download('repro.json', 'application/json', encodeRepro(repro));
          }}
        >
          repro.json
        </button>
      </footer>
    </main>
  );
}

async function firstRun(link: Promise<EngineLink>, plan: Plan): Promise<OwnRun> {
  try {
    const engine = await link;
    return { kind: 'ran', ran: await engine.run(plan), where: engine.where };
  } catch (failure) {
    return { kind: 'broke', reason: failure instanceof Error ? failure.message : String(failure) };
  }
}
