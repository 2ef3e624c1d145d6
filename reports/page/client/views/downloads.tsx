import { type JSX } from 'preact';

import { encodeRepro } from '../../../../sim/repro-file.ts';
import { type Repro } from '../../../../sim/repro.ts';
import { type OwnRun } from './facts.tsx';

/** What other tools read: the plan, to be replayed, and the run, to be looked at elsewhere. */
export function Downloads(props: { readonly repro: Repro; readonly own: OwnRun }): JSX.Element {
  const { repro } = props;
  return (
    <footer class="downloads">
      <h2>Take it along</h2>
      <button type="button" onClick={() => download('repro.json', encodeRepro(repro))}>
        repro.json
      </button>
    </footer>
  );
}

/** Hands a text to the browser as a file. */
function download(name: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type: 'application/json' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = name;
  link.click();
  URL.revokeObjectURL(url);
}
