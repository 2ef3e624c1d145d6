import { createHash } from 'node:crypto';
import { deflateRawSync } from 'node:zlib';

import { type PageBundle } from './bundle.ts';
import { type PageData } from './page-data.ts';
import { encodePageData } from './page-json.ts';

/** Larger data is deflated: a recording's is mostly repetition. */
const plainCharsMax = 262_144;

/**
 * One HTML text that holds everything: styles, script, data. Its policy lets it load nothing from anywhere; the one thing
 * beyond its own script is a worker made of that script.
 */
export function pageHtml(data: PageData, bundle: PageBundle): string {
  const script = inScript(bundle.script);
  const policy = [
    "default-src 'none'",
    `script-src ${hashOf(script)}`,
    `style-src ${hashOf(bundle.styles)}`,
    'worker-src blob:',
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ');
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${escaped(titleOf(data))}</title>
<style>${bundle.styles}</style>
</head>
<body>
<div id="page"><noscript>This page runs the simulator again to show what happened: it needs JavaScript.</noscript></div>
${dataElement(data)}
<script id="page-script">${script}</script>
</body>
</html>
`;
}

function dataElement(data: PageData): string {
  const text = encodePageData(data);
  if (text.length <= plainCharsMax) {
    return `<script type="application/json" id="page-data">${text.replaceAll('<', String.raw`\u003c`)}</script>`;
  }
  const deflated = deflateRawSync(text).toString('base64');
  return `<script type="application/octet-stream" id="page-data" data-encoding="deflate-raw">${deflated}</script>`;
}

/** @throws Error for what HTML would take for the beginning of a comment */
function inScript(code: string): string {
  if (code.includes('<!--'))
    throw new Error("the page's code has <!-- in it: HTML would take the rest for a comment");
  return code.replaceAll(/<\/(script)/giu, String.raw`<\/$1`);
}

function hashOf(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`;
}

function titleOf(data: PageData): string {
  switch (data.kind) {
    case 'failure':
      return `${data.repro.violation.invariant} · ${data.repro.scenario.name}, seed ${data.repro.seed}`;
    case 'run':
      return `${data.summary.failures.length === 0 ? 'Passed' : 'Failed'} · ${data.summary.scenarios.join(', ')}`;
    case 'recording':
      return 'Recording';
  }
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
