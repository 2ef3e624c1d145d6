import { type JSX } from 'preact';

import { type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { stepOf } from '../../model/scope.ts';
import { nearestStep } from '../../model/workbench-model.ts';
import { exactTime } from '../../model/words.ts';

/** Goes through the steps in view, one by one or by hand. */
export function Scrubber(props: {
  readonly evidence: RunEvidence;
  readonly steps: readonly StepNumber[];
  readonly cursor: StepNumber;
  readonly onMove: (step: StepNumber) => void;
}): JSX.Element {
  const { evidence, steps, cursor, onMove } = props;
  const position = Math.max(0, steps.indexOf(nearestStep(steps, cursor) ?? -1));
  const last = steps.length - 1;
  const record = stepOf(evidence, cursor);
  const to = (next: number): void => {
    const step = steps[Math.min(last, Math.max(0, next))];
    if (step !== undefined) onMove(step);
  };
  const sameNode = (direction: 1 | -1): void => {
    const next = nextOnNode(evidence, steps, position, direction);
    if (next !== undefined) onMove(next);
  };
  const hasViolation = evidence.result.violation !== undefined;
  return (
    <div class="scrubber" role="group" aria-label="Step through the run">
      <Jump face="|◀" name="First step" hint="Home in the slider" onJump={() => to(0)} />
      <Jump face="◀ n" name="Previous step on this node" onJump={() => sameNode(-1)} />
      <Jump face="◀" name="Previous step" hint="comma, or ← in the slider" onJump={() => to(position - 1)} />
      <input
        type="range"
        aria-label="Step"
        aria-valuetext={
          record === undefined ? '' : `step ${cursor}, n${record.node} at ${exactTime(record.atUs)}`
        }
        min={0}
        max={Math.max(0, last)}
        step={1}
        value={position}
        disabled={last < 0}
        onInput={(event) => {
          to(Number(event.currentTarget.value));
        }}
      />
      <Jump face="▶" name="Next step" hint="full stop, or → in the slider" onJump={() => to(position + 1)} />
      <Jump face="n ▶" name="Next step on this node" onJump={() => sameNode(1)} />
      <button type="button" class={hasViolation ? 'to-violation' : ''} title="key v" onClick={() => to(last)}>
        {hasViolation ? '◆ violation' : 'end ▶|'}
      </button>
      <output class="position" data-testid="cursor">
        {record === undefined ? 'no step' : `step ${cursor} · n${record.node} · ${exactTime(record.atUs)}`}
      </output>
    </div>
  );
}

function Jump(props: {
  readonly face: string;
  readonly name: string;
  readonly hint?: string;
  readonly onJump: () => void;
}): JSX.Element {
  const { face, name, hint } = props;
  return (
    <button
      type="button"
      aria-label={name}
      title={hint === undefined ? name : `${name} (${hint})`}
      onClick={props.onJump}
    >
      {face}
    </button>
  );
}

function nextOnNode(
  evidence: RunEvidence,
  steps: readonly StepNumber[],
  position: number,
  direction: 1 | -1,
): StepNumber | undefined {
  const node = stepOf(evidence, steps[position] ?? -1)?.node;
  for (let at = position + direction; at >= 0 && at < steps.length; at += direction) {
    const step = steps[at];
    if (step !== undefined && stepOf(evidence, step)?.node === node) return step;
  }
  return undefined;
}
