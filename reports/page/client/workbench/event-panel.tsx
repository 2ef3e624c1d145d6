import { type JSX } from 'preact';

import { type Packet, type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { stepOf } from '../../model/scope.ts';
import { compactEvent, exactTime } from '../../model/words.ts';
import { PacketDetails, StepDetails } from '../diagram/details.tsx';

const around = 5;

/** The chosen step in full, what it follows from, and the steps around it. */
export function EventPanel(props: {
  readonly evidence: RunEvidence;
  readonly steps: readonly StepNumber[];
  readonly position: number;
  readonly cursor: StepNumber;
  readonly packet: Packet | undefined;
  readonly onMove: (step: StepNumber) => void;
}): JSX.Element {
  const { evidence, steps, cursor, packet, onMove } = props;
  const record = stepOf(evidence, cursor);
  const first = Math.max(0, Math.min(props.position - around, steps.length - 2 * around - 1));
  const near = steps.slice(first, first + 2 * around + 1);
  return (
    <section class="event-panel" aria-label="The chosen step">
      {packet !== undefined && (
        <div class="chosen-packet">
          <PacketDetails packet={packet} />
          <StepLink label="sent by" step={packet.sentBy} evidence={evidence} onMove={onMove} />
          <StepLink label="taken by" step={packet.takenBy} evidence={evidence} onMove={onMove} />
        </div>
      )}
      <h3>What happened</h3>
      {record === undefined ? (
        <p class="muted">No step is in view.</p>
      ) : (
        <StepDetails step={cursor} record={record} />
      )}
      {record !== undefined && record.causes.length > 0 && (
        <div class="causes">
          <h4>Follows from</h4>
          {record.causes.map((cause) => (
            <StepLink key={cause} step={cause} evidence={evidence} onMove={onMove} />
          ))}
        </div>
      )}
      <h4>Around it</h4>
      <ol class="around" aria-label="Steps around the chosen one">
        {near.map((step) => {
          const other = stepOf(evidence, step);
          return (
            <li key={step}>
              <button
                type="button"
                aria-current={step === cursor ? 'step' : undefined}
                onClick={() => {
                  onMove(step);
                }}
              >
                <span class="when">{other === undefined ? '' : exactTime(other.atUs)}</span>{' '}
                <b>n{other?.node}</b> {compactEvent(other?.event ?? '')}
              </button>
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function StepLink(props: {
  readonly label?: string;
  readonly step: StepNumber | undefined;
  readonly evidence: RunEvidence;
  readonly onMove: (step: StepNumber) => void;
}): JSX.Element | null {
  const { label, step, evidence, onMove } = props;
  if (step === undefined) return null;
  const record = stepOf(evidence, step);
  return (
    <p class="step-link">
      {label !== undefined && <span>{label} </span>}
      <button
        type="button"
        class="link"
        onClick={() => {
          onMove(step);
        }}
      >
        step {step}
      </button>{' '}
      {record !== undefined && (
        <span class="muted">
          n{record.node} {compactEvent(record.event)}
        </span>
      )}
    </p>
  );
}
