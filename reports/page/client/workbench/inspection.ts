import { useEffect, useRef, useState } from 'preact/hooks';

import { type NodeState, type RunEvidence, type StepNumber } from '../../../evidence/types.ts';
import { type Inspection } from './state-panel.tsx';

/** The states of all nodes after a step. @throws when the run cannot be brought there */
export type Inspect = (step: StepNumber) => Promise<readonly NodeState[]>;

/**
 * The states at the chosen step. One question is under way at a time: who moves on meanwhile is answered for where they are
 * then, not for every step that they came past.
 */
export function useInspection(
  inspect: Inspect,
  step: StepNumber,
  evidence: RunEvidence,
): { readonly shown: Inspection | undefined; readonly failure: string | undefined } {
  const [shown, setShown] = useState<Inspection | undefined>();
  const [failure, setFailure] = useState<string | undefined>();
  const wanted = useRef({ step, inspect, firstStep: evidence.firstStep });
  wanted.current = { step, inspect, firstStep: evidence.firstStep };
  const busy = useRef(false);
  const mounted = useRef(true);
  useEffect(
    () => () => {
      mounted.current = false;
    },
    [],
  );
  useEffect(() => {
    const answer = async (): Promise<void> => {
      if (busy.current) return;
      busy.current = true;
      try {
        for (;;) {
          const asked = wanted.current;
          const before = asked.step > asked.firstStep ? await asked.inspect(asked.step - 1) : undefined;
          const states = await asked.inspect(asked.step);
          if (!mounted.current) return;
          const now = wanted.current;
          if (asked.inspect === now.inspect) {
            setShown({ step: asked.step, states, before });
            setFailure(undefined);
            if (asked.step === now.step) return;
          }
        }
      } catch (broken) {
        setFailure(broken instanceof Error ? broken.message : String(broken));
      } finally {
        busy.current = false;
      }
    };
    void answer();
  }, [inspect, step]);
  return { shown, failure };
}
