import { type ComponentChildren, type JSX } from 'preact';

import { type RunEvidence } from '../../../evidence/types.ts';
import { perfettoTrace } from '../../../perfetto.ts';

/** What other tools read of it. */
export function Downloads(props: { readonly children: ComponentChildren }): JSX.Element {
  return (
    <footer class="downloads">
      <h2>Take it along</h2>
      {props.children}
    </footer>
  );
}

/** The run for ui.perfetto.dev: the one that is in view. */
export function PerfettoButton(props: { readonly evidence: RunEvidence | undefined }): JSX.Element {
  const { evidence } = props;
  return (
    <button
      type="button"
      disabled={evidence === undefined}
      onClick={() => {
        if (evidence !== undefined) download('perfetto-trace.json', JSON.stringify(perfettoTrace(evidence)));
      }}
    >
      trace for Perfetto
    </button>
  );
}

/** Hands a text to the browser as a file. */
export function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
