import { type JSX } from 'preact';

import { type FailurePage } from '../../page-data.ts';
import { duration, exactTime, grouped } from '../../model/words.ts';
import { type Ran } from '../protocol.ts';
import { CopyCommand } from './copy-button.tsx';

/** What has to be known to see it again, and whether this page has. */
export function Facts(props: { readonly page: FailurePage; readonly own: OwnRun }): JSX.Element {
  const { repro, configuration, replayCommand } = props.page;
  return (
    <section class="facts" aria-label="Facts">
      <h2>See it again</h2>
      <CopyCommand command={replayCommand} label="replay" />
      <dl>
        <dt>Scenario</dt>
        <dd>
          {repro.scenario.name}, seed {repro.seed}
        </dd>
        <dt>Commit</dt>
        <dd>
          <code>{repro.commit?.slice(0, 12) ?? 'not known'}</code>
          {repro.dirty && ' with changes that are not committed'}
        </dd>
        {repro.mutant !== undefined && (
          <>
            <dt>Planted bug</dt>
            <dd>
              <code>{repro.mutant}</code> (this page's copy of the system has it too)
            </dd>
          </>
        )}
        <dt>Seen at</dt>
        <dd>
          {exactTime(repro.violation.atUs)}, after {grouped(repro.events)} steps
        </dd>
        <dt>Site</dt>
        <dd>
          <code>{repro.violation.site}</code>{' '}
          <span class="muted">(alike for every run that fails in this way)</span>
        </dd>
        <dt>Trace hash</dt>
        <dd>
          <code>{repro.hash}</code> <HashVerdict own={props.own} expected={repro.hash} />
        </dd>
        <dt>Configuration</dt>
        <dd>
          {configuration.length === 0 ? (
            'as by default'
          ) : (
            <details open={configuration.length <= 8}>
              <summary>{configuration.length} values differ from the defaults</summary>
              <ul class="configuration">
                {configuration.map(([name, value]) => (
                  <li key={name}>
                    <code>{name}</code> {value}
                  </li>
                ))}
              </ul>
            </details>
          )}
        </dd>
      </dl>
    </section>
  );
}

export type OwnRun =
  | { readonly kind: 'running' }
  | { readonly kind: 'ran'; readonly ran: Ran; readonly where: 'worker' | 'page' }
  | { readonly kind: 'broke'; readonly reason: string };

function HashVerdict(props: { readonly own: OwnRun; readonly expected: string }): JSX.Element {
  const { own, expected } = props;
  if (own.kind === 'running') return <span class="verdict-chip">this page is running it …</span>;
  if (own.kind === 'broke') return <span class="verdict-chip bad">this page could not run it</span>;
  const took = duration(Math.round(own.ran.wallMs * 1_000));
  return own.ran.evidence.result.hash === expected ? (
    <span class="verdict-chip good" data-testid="hash-verdict">
      ✓ the same in this page's own run ({took})
    </span>
  ) : (
    <span class="verdict-chip bad" data-testid="hash-verdict">
      ✗ {own.ran.evidence.result.hash} in this page's own run
    </span>
  );
}
