import { type JSX } from 'preact';
import { useEffect, useMemo, useState } from 'preact/hooks';

import { encodeRepro } from '../../../../sim/repro-file.ts';
import { explain } from '../../../evidence/explain.ts';
import { type FailurePage } from '../../page-data.ts';
import { violationSentence } from '../../model/violation.ts';
import { Workbench } from '../workbench/workbench.tsx';
import { download, Downloads, PerfettoButton } from './downloads.tsx';
import { Facts } from './facts.tsx';
import { FaultEditor } from './fault-editor.tsx';
import { HistoryView } from './history-view.tsx';
import { OutcomeView } from './outcome-view.tsx';
import { type Runs, useRuns } from './runs.ts';
import { ScheduleView } from './schedule-view.tsx';

/** One failure: what was violated, why, and what would have been. */
export function FailureView(props: { readonly page: FailurePage }): JSX.Element {
  const { repro } = props.page;
  const runs = useRuns(repro);
  const { own } = runs;
  return (
    <main>
      <Verdict page={props.page} />
      {own.kind === 'ran' && own.where === 'page' && (
        <p class="notice" role="status">
          This browser made no worker for the page: while a run goes on, the page stands still.
        </p>
      )}
      <div class="two-columns">
        <Facts page={props.page} own={own} />
        <ScheduleView repro={repro} />
      </div>
      <RunSection runs={runs} />
      {own.kind === 'ran' && <HistoryView evidence={own.ran.evidence} history={own.ran.history} />}
      <div class="two-columns">
        <FaultEditor
          faults={repro.scenario.faults}
          nodes={own.kind === 'ran' ? own.ran.evidence.nodes : []}
          atUs={Math.max(0, repro.violation.atUs - 1_000_000)}
          running={runs.editing === 'running' || own.kind === 'running'}
          onRun={runs.runAgain}
        />
        <WhatThen runs={runs} />
      </div>
      <Downloads>
        <button type="button" onClick={() => download('repro.json', encodeRepro(repro))}>
          repro.json
        </button>
        <PerfettoButton evidence={own.kind === 'ran' ? own.ran.evidence : undefined} />
      </Downloads>
    </main>
  );
}

function Verdict(props: { readonly page: FailurePage }): JSX.Element {
  const { violation, scenario } = props.page.repro;
  const { sentence, source } = explain(violation);
  return (
    <header class="verdict bad">
      <p class="kind">
        Violated <span class="invariant">{violation.invariant}</span>
      </p>
      <h1>{sentence}</h1>
      <p class="sentence">{violationSentence(violation.invariant, violation.detail)}</p>
      <p class="about">
        {source} · {scenario.about}
      </p>
      {violation.detail.includes('\n') && (
        <details>
          <summary>the whole message</summary>
          <pre>{violation.detail}</pre>
        </details>
      )}
    </header>
  );
}

function RunSection(props: { readonly runs: Runs }): JSX.Element {
  const { own, edited, inspectorOf, plan } = props.runs;
  const [shown, setShown] = useState<'found' | 'edited'>('found');
  const number = edited?.number ?? 0;
  // Whoever runs again wants to see it.
  useEffect(() => {
    if (number > 0) setShown('edited');
  }, [number]);
  const run =
    shown === 'edited' && edited !== undefined
      ? edited
      : own.kind === 'ran'
        ? { plan, ran: own.ran }
        : undefined;
  const inspect = useMemo(() => inspectorOf(run?.plan ?? plan), [inspectorOf, run?.plan, plan]);
  return (
    <section aria-label="The run" class="run-section">
      <div class="section-head">
        <h2>The run{shown === 'edited' && ' with the edited faults'}</h2>
        {edited !== undefined && (
          <div class="switch" role="group" aria-label="Which run is shown">
            <button type="button" aria-pressed={shown === 'found'} onClick={() => setShown('found')}>
              as found
            </button>
            <button type="button" aria-pressed={shown === 'edited'} onClick={() => setShown('edited')}>
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
      {run !== undefined && (
        <Workbench
          key={shown === 'found' ? 'found' : `edited ${number}`}
          evidence={run.ran.evidence}
          past={run.ran.past}
          inspect={inspect}
          about="by running the same code in this page"
        />
      )}
    </section>
  );
}

function WhatThen(props: { readonly runs: Runs }): JSX.Element {
  const { own, edited, editing } = props.runs;
  return (
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
  );
}
