import { expect, test } from 'vitest';

import { type RunEvidence, type StepRecord } from '../../../reports/evidence/types.ts';
import { type RecordingPage } from '../../../reports/page/page-data.ts';
import { decodePageData, encodePageData } from '../../../reports/page/page-json.ts';
import { evidenceOf } from '../evidence/hand-made.ts';
import { one, stepAt } from './hand-made.ts';

/** A record whose texts are made when they are read, as those of long runs are. */
class LazyStep implements StepRecord {
  readonly atUs = 5;
  readonly node = one;
  readonly boot = 1;
  readonly kind = 'tick';
  readonly causes = [];
  get event(): string {
    return 'tick made late';
  }
  get effects(): readonly string[] {
    return ['send to=2'];
  }
}

function recording(evidence: RunEvidence): RecordingPage {
  return {
    kind: 'recording',
    evidence,
    states: [{ node: one, sections: [{ name: 'raft', fields: [['term', '3']] }] }],
    replayCommand: 'npx photon sim replay --recording DIR',
  };
}

test('maps, bytes and bigints of a recording come back as they were', () => {
  const request = {
    kind: 'put',
    request: {
      ...{ key: 'k', value: Uint8Array.of(0, 127, 255), lease: 0xffff_ffff_ffffn },
      ...{ prevKv: false, ignoreValue: false, ignoreLease: false },
    },
  } as const;
  const outcome = { kind: 'unknown', reason: 'still open' } as const;
  const operation = { client: 1, callId: 2, request, startUs: 3, endUs: undefined, outcome };
  const change = { atUs: 1, step: 0, value: 4 };
  const lanes = new Map([
    [
      one,
      {
        role: [{ atUs: 1, step: 0, value: 'leader' as const }],
        ...{ term: [change], commitIndex: [], appliedIndex: [], clockOffsetUs: [] },
        ...{ appendedBytes: [], durableBytes: [] },
      },
    ],
  ]);
  const page = recording(evidenceOf({ steps: [stepAt(1, 1)], operations: [operation], lanes }));
  expect(decodePageData(encodePageData(page))).toEqual(page);
});

test('texts that a record would make when it is read are in the page', () => {
  const page = recording(evidenceOf({ steps: [new LazyStep()] }));
  const back = decodePageData(encodePageData(page)) as RecordingPage;
  expect(back.evidence.steps).toEqual([stepAt(5, 1, { event: 'tick made late', effects: ['send to=2'] })]);
});
