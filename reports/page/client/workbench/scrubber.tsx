import { type JSX } from 'preact';

import { type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { stepOf } from '../../model/scope.ts';
import { exactTime } from '../../model/words.ts';

/** Goes through the steps in view, one by one or by hand. */
export function Scrubber(props: {
  readonly evidence: RunEvidence;
  readonly steps: readonly StepNumber[];
  readonly cursor: StepNumber;
  readonly onMove: (step: StepNumber) => void;
}): JSX.Element {
  const { evidence, steps, cursor, onMove } = props;
  const position = nearest(steps, cursor);
  const last = steps.length - 1;
  const record = stepOf(evidence, cursor);
  const to = (next: number): void => {
    const step = steps[Math.min(last, Math.max(0, next))];
    if (step !== undefined) onMove(step);
  };
  const sameNode = (direction: 1 | -1): void => {
    for (let at = position + direction; at >= 0 && at <= last; at += direction) {
      const step = steps[at];
      if (step !== undefined && stepOf(evidence, step)?.node === record?.node) {
        onMove(step);
        return;
      }
    }
  };
  const hasViolation = evidence.result.violation !== undefined;
  return (
    <div class="scrubber" role="group" aria-label="Step through the run">
      <button type="button" title="First step (Home)" aria-label="First step" onClick={() => to(0)}>
        ⏮
      </button>
      <button
        type="button"
        title="Previous step on this node"
        aria-label="Previous step on this node"
        onClick={() => sameNode(-1)}
      >
        ⏪
      </button>
      <button
        type="button"
        title="Previous step ( , or ← in the slider)"
        aria-label="Previous step"
        onClick={() => to(position - 1)}
      >
        ◀
      </button>
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={`step ${cursor}, ${record === undefined ? '' : `n${record.node} at ${exactTime(record.atUs)}`}`}
        min={0}
        max={Math.max(0, last)}
        step={1}
        value={position}
        disabled={last < 0}
        onInput={(event) => {
          to(Number(event.currentTarget.value));
        }}
      />
      <button
        type="button"
        title="Next step ( . or → in the slider)"
        aria-label="Next step"
        onClick={() => to(position + 1)}
      >
        ▶
      </button>
      <button
        type="button"
        title="Next step on this node"
        aria-label="Next step on this node"
        onClick={() => sameNode(1)}
      >
        ⏩
      </button>
      <button
        type="button"
        class="to-violation"
        title={hasViolation ? 'The step at which it was seen (v)' : 'Last step (End)'}
        onClick={() => to(last)}
      >
        {hasViolation ? '◆ violation' : '⏭ end'}
      </button>
      <output class="position" data-testid="cursor">
        {record === undefined ? 'no step' : `step ${cursor} · n${record.node} · ${exactTime(record.atUs)}`}
      </output>
    </div>
  );
}

/** Position of a step in the list, or of the last before it. */
function nearest(steps: readonly StepNumber[], cursor: StepNumber): number {
  let low = 0;
  let high = steps.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((steps[middle] ?? Infinity) <= cursor) low = middle + 1;
    else high = middle;
  }
  return Math.max(0, low - 1);
}
