import { type ComponentChildren, type JSX } from 'preact';

import { coverageGroups, type CoverageGroup } from '../../model/coverage.ts';
import { duration, grouped } from '../../model/words.ts';
import { violationSentence } from '../../model/violation.ts';
import { type FailureEntry, type RunSummary } from '../../page-data.ts';
import { CopyCommand } from './copy-button.tsx';

/** Many seeds: did anything fail, and how much was tried. */
export function RunView(props: { readonly summary: RunSummary }): JSX.Element {
  const { summary } = props;
  const failed = summary.failures.length > 0;
  const idle = !failed && summary.missedFloors.length > 0;
  const failedRuns = summary.failures.reduce((sum, { count }) => sum + count, 0);
  return (
    <main>
      <header class={failed || idle ? 'verdict bad' : 'verdict good'}>
        <p class="kind">{failed ? 'Failed' : idle ? 'Too idle to prove anything' : 'Passed'}</p>
        <h1>
          {grouped(summary.runs)} runs, {duration(summary.simulatedUs)} simulated
        </h1>
        <p class="sentence">
          {failed
            ? `${grouped(failedRuns)} runs failed in ${grouped(summary.failures.length)} ${summary.failures.length === 1 ? 'way' : 'ways'}.`
            : 'No invariant was violated.'}
        </p>
      </header>
      <Figures summary={summary} />
      {summary.missedFloors.length > 0 && (
        <section class="floors" aria-label="Too little">
          <h2>Too little of</h2>
          <ul>
            {summary.missedFloors.map((floor) => (
              <li key={floor} class="bad">
                {floor}
              </li>
            ))}
          </ul>
        </section>
      )}
      {failed && (
        <section class="failures" aria-label="Failures">
          <h2>Failures</h2>
          {summary.failures.map((failure) => (
            <Failure key={`${failure.invariant} ${failure.site}`} failure={failure} />
          ))}
        </section>
      )}
      <section class="coverage" aria-label="Coverage">
        <h2>What was tried</h2>
        <div class="coverage-groups">
          {coverageGroups(summary).map((group) => (
            <Coverage key={group.name} group={group} />
          ))}
        </div>
      </section>
      <Slowest summary={summary} />
    </main>
  );
}

function Figures(props: { readonly summary: RunSummary }): JSX.Element {
  const { summary } = props;
  const { first, last } = summary.seeds;
  const perSecond = (amount: number): string =>
    grouped(Math.round(amount / Math.max(summary.wallSeconds, 0.001)));
  return (
    <dl class="figures">
      <Figure name="Scenarios">{summary.scenarios.join(', ')}</Figure>
      <Figure name="Seeds">
        {grouped(first)} to {grouped(last)}
        {summary.shard !== undefined && ` (shard ${summary.shard.index} of ${summary.shard.count})`}
      </Figure>
      <Figure name="Simulated">
        {duration(summary.simulatedUs)}{' '}
        <small>in {duration(Math.round(summary.wallSeconds * 1_000_000))} of computing</small>
      </Figure>
      <Figure name="Speed">
        {perSecond(summary.simulatedUs / 1_000_000)} simulated s/s{' '}
        <small>{perSecond(summary.events)} steps/s</small>
      </Figure>
      <Figure name="Steps">{grouped(summary.events)}</Figure>
      <Figure name="Elections">{grouped(summary.elections)}</Figure>
      <Figure name="Snapshots installed">{grouped(summary.snapshotsInstalled)}</Figure>
      <Figure name="Commit">
        <code>{summary.commit?.slice(0, 12) ?? 'not known'}</code>
        {summary.dirty && <small> with changes that are not committed</small>}
      </Figure>
    </dl>
  );
}

function Figure(props: { readonly name: string; readonly children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt>{props.name}</dt>
      <dd>{props.children}</dd>
    </div>
  );
}

function Failure(props: { readonly failure: FailureEntry }): JSX.Element {
  const { failure } = props;
  const [first] = failure.runs;
  return (
    <article class="failure">
      <h3>
        {failure.invariant} <span class="muted">{failure.site}</span>{' '}
        <span class="verdict-chip bad">
          {grouped(failure.count)} {failure.count === 1 ? 'run' : 'runs'}
        </span>
      </h3>
      <p>{violationSentence(failure.invariant, failure.detail)}</p>
      {failure.page !== undefined && (
        <p>
          <a href={failure.page}>Show what happened</a>
        </p>
      )}
      {failure.repro !== undefined && (
        <CopyCommand command={`npx photon sim replay ${failure.repro}`} label={`${failure.site} replay`} />
      )}
      {first !== undefined && (
        <CopyCommand
          command={`npx photon sim replay ${first.scenario} --seed ${first.seed}`}
          label={`${first.scenario} ${first.seed} replay`}
        />
      )}
      {failure.runs.length > 1 && (
        <details>
          <summary>
            {failure.runs.length < failure.count
              ? `the first ${failure.runs.length} runs`
              : `all ${failure.runs.length} runs`}
          </summary>
          <p class="run-list">{failure.runs.map(({ scenario, seed }) => `${scenario} ${seed}`).join(', ')}</p>
        </details>
      )}
    </article>
  );
}

function Coverage(props: { readonly group: CoverageGroup }): JSX.Element {
  const { group } = props;
  const most = Math.max(1, ...group.items.map(({ count }) => count));
  const reached = group.items.filter(({ count }) => count > 0);
  const missing = group.items.filter(({ count }) => count === 0);
  return (
    <section class="coverage-group" aria-label={group.name}>
      <h3>
        {group.name} <span class="muted">{group.unit}</span>
      </h3>
      {missing.length > 0 && (
        <p class="not-reached">
          <b>Not reached:</b> {missing.map(({ name }) => name).join(', ')}
        </p>
      )}
      <table>
        <tbody>
          {reached.map(({ name, count }) => (
            <tr key={name}>
              <th scope="row">{name}</th>
              <td class="count">{grouped(count)}</td>
              <td class="bar-cell" aria-hidden="true">
                <span
                  class="bar"
                  style={{ width: `${Math.round((100 * Math.log1p(count)) / Math.log1p(most))}%` }}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Slowest(props: { readonly summary: RunSummary }): JSX.Element | null {
  const { slowest } = props.summary;
  if (slowest.length === 0) return null;
  return (
    <section class="slowest" aria-label="Slowest seeds">
      <h2>Slowest seeds</h2>
      <table>
        <thead>
          <tr>
            <th scope="col">Scenario</th>
            <th scope="col">Seed</th>
            <th scope="col">Took</th>
            <th scope="col">Again</th>
          </tr>
        </thead>
        <tbody>
          {slowest.map(({ scenario, seed, wallMs }) => (
            <tr key={`${scenario} ${seed}`}>
              <td>{scenario}</td>
              <td>{seed}</td>
              <td>{duration(Math.round(wallMs * 1_000))}</td>
              <td>
                <code>
                  npx photon sim replay {scenario} --seed {seed}
                </code>
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
