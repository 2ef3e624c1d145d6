import { type JSX } from 'preact';
import { useCallback } from 'preact/hooks';

import { type RecordingPage } from '../../page-data.ts';
import { duration, grouped } from '../../model/words.ts';
import { violationSentence } from '../../model/violation.ts';
import { Workbench } from '../workbench/workbench.tsx';
import { Downloads, PerfettoButton } from './downloads.tsx';
import { CopyCommand } from './copy-button.tsx';

/** What one real process did, step by step, with its states as they were recorded. */
export function RecordingView(props: { readonly page: RecordingPage }): JSX.Element {
  const { evidence, states, replayCommand } = props.page;
  const lastStep = evidence.firstStep + evidence.steps.length;
  const firstState = lastStep - states.length;
  const inspect = useCallback(
    (step: number) => {
      const state = states[step - firstState];
      return state === undefined
        ? Promise.reject(new Error(`states are kept from step ${firstState} on`))
        : Promise.resolve([state]);
    },
    [states, firstState],
  );
  const { violation } = evidence.result;
  const first = evidence.steps[0];
  const last = evidence.steps.at(-1);
  const before = notShown(evidence.firstStep, first?.boot ?? 1);
  return (
    <main>
      <header class={violation === undefined ? 'verdict good' : 'verdict bad'}>
        <p class="kind">Recording</p>
        <h1>
          {evidence.nodes.map((node) => `n${node}`).join(', ')}, {grouped(evidence.steps.length)} steps in{' '}
          {first === undefined || last === undefined ? 'no time' : duration(last.atUs - first.atUs)}
        </h1>
        <p class="sentence">
          {violation === undefined
            ? 'Replayed: every checkpoint has the hash that was recorded.'
            : violationSentence(violation.invariant, violation.detail)}
        </p>
      </header>
      <section class="facts" aria-label="Facts">
        <h2>Replay it</h2>
        <CopyCommand command={replayCommand} label="replay" />
        <dl>
          <dt>Trace hash</dt>
          <dd>
            <code>{evidence.result.hash}</code>
          </dd>
          {before !== '' && (
            <>
              <dt>Not shown</dt>
              <dd>{before}</dd>
            </>
          )}
        </dl>
      </section>
      <section aria-label="The recording" class="run-section">
        <h2>The recording</h2>
        <Workbench evidence={evidence} past={undefined} inspect={inspect} about="as it was recorded" />
      </section>
      <Downloads>
        <PerfettoButton evidence={evidence} />
      </Downloads>
    </main>
  );
}

/** What is older than the first step that is shown. A recording counts the steps of each start from 1. */
function notShown(firstStep: number, boot: number): string {
  const parts = [
    ...(boot > 1 ? [`what was before boot ${boot}`] : []),
    ...(firstStep > 1 ? [`the first ${grouped(firstStep - 1)} steps of boot ${boot}`] : []),
  ];
  return parts.join(', and ');
}
