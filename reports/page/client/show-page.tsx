import { render } from 'preact';

import { type PageData } from '../page-data.ts';
import { decodePageData } from '../page-json.ts';
import { FailureView } from './views/failure-view.tsx';
import { RecordingView } from './views/recording-view.tsx';
import { RunView } from './views/run-view.tsx';

export async function showPage(page: Document): Promise<void> {
  const root = page.getElementById('page');
  if (root === null) throw new Error('the page has no place to be shown in');
  root.textContent = '';
  const data = await readData(page);
  switch (data.kind) {
    case 'failure':
      render(<FailureView page={data} />, root);
      break;
    case 'run':
      render(<RunView summary={data.summary} />, root);
      break;
    case 'recording':
      render(<RecordingView page={data} />, root);
      break;
  }
}

async function readData(page: Document): Promise<PageData> {
  const element = page.getElementById('page-data');
  const text = element?.textContent;
  if (element === null || text === undefined || text === null) throw new Error('the page has no data');
  if (element.dataset['encoding'] !== 'deflate-raw') return decodePageData(text);
  const packed = Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
  const inflated = new Blob([packed]).stream().pipeThrough(new DecompressionStream('deflate-raw'));
  return decodePageData(await new Response(inflated).text());
}
