import { createHash } from 'node:crypto';
import { inflateRawSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';

import { type PageData, type RunSummary } from '../../../reports/page/page-data.ts';
import { pageHtml } from '../../../reports/page/page-html.ts';
import { decodePageData } from '../../../reports/page/page-json.ts';

const bundle = { script: 'const end = "</script><b>";', styles: 'body { margin: 0 }' };

function summaryPage(detail: string): PageData {
  const summary: RunSummary = {
    ...{ format: 1, commit: undefined, dirty: false, scenarios: ['swarm'], seeds: { first: 1, last: 2 } },
    ...{ shard: undefined, runs: 2, wallSeconds: 1, simulatedUs: 1, events: 1, elections: 1 },
    ...{
      snapshotsInstalled: 0,
      operations: {},
      faultsFired: {},
      coverage: {},
      slowest: [],
      missedFloors: [],
    },
    failures: [{ invariant: 'i', site: 's', detail, count: 1, runs: [], repro: undefined, page: undefined }],
  };
  return { kind: 'run', summary };
}

function element(html: string, open: RegExp): string {
  const found = open.exec(html);
  if (found === null) throw new Error(`no ${open.source}`);
  const from = found.index + found[0].length;
  return html.slice(from, html.indexOf('</script>', from));
}

describe('a page', () => {
  test('holds its data so that nothing in it ends the element or begins another', () => {
    const hostile = 'told </script><script>alert(1)</script> <!-- by a key';
    const html = pageHtml(summaryPage(hostile), bundle);
    expect(html).not.toContain('alert(1)</script>');
    const back = decodePageData(element(html, /<script type="application\/json" id="page-data">/u));
    expect(back.kind === 'run' && back.summary.failures[0]?.detail).toBe(hostile);
  });

  test('deflates what is large, and it comes back', () => {
    const large = 'again and again '.repeat(100_000);
    const html = pageHtml(summaryPage(large), bundle);
    expect(html.length).toBeLessThan(large.length / 10);
    const text = element(
      html,
      /<script type="application\/octet-stream" id="page-data" data-encoding="deflate-raw">/u,
    );
    const back = decodePageData(inflateRawSync(Buffer.from(text, 'base64')).toString());
    expect(back.kind === 'run' && back.summary.failures[0]?.detail).toBe(large);
  });

  test('may run its own script and a worker of it, and load nothing', () => {
    const html = pageHtml(summaryPage('d'), bundle);
    const script = element(html, /<script id="page-script">/u);
    expect(script).toBe(String.raw`const end = "<\/script><b>";`);
    const hash = createHash('sha256').update(script).digest('base64');
    const [, policy = ''] = /Content-Security-Policy" content="([^"]*)"/u.exec(html) ?? [];
    const rules = policy.split('; ');
    expect(rules).toContain("default-src 'none'");
    expect(rules).toContain(`script-src 'sha256-${hash}'`);
    expect(rules).toContain('worker-src blob:');
    expect(policy).not.toMatch(/unsafe|https?:|\*/u);
    expect(html).not.toMatch(/\ssrc=|<link|@import|url\(/u);
  });

  test('refuses code that HTML would misread', () => {
    expect(() => pageHtml(summaryPage('d'), { ...bundle, script: 'a <!-- b' })).toThrow('<!--');
  });
});
