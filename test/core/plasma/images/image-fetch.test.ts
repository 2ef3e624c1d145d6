import { expect, test } from 'vitest';
import {
  chunkBytesMax,
  ImageFetch,
  type ImageFetchEffect,
} from '../../../../core/plasma/images/image-fetch.ts';

const digest = `sha256:${'5'.repeat(64)}`;
const totalBytes = chunkBytesMax + 100;

function fetching(partialBytes = 0): ImageFetch {
  return new ImageFetch({ digest, partialBytes, servers: 3, bytesMax: 10 * chunkBytesMax }, 0);
}

function asks(actId: number, fromByte: number, server: number): readonly ImageFetchEffect[] {
  const request = { digest, fromByte, bytesMax: chunkBytesMax };
  return [{ kind: 'act', act: { kind: 'askChunk', actId, server, request, timeoutUs: 30_000_000 } }];
}

test('pieces are asked for, kept and checked, one after the other', () => {
  const fetch = fetching();
  expect(fetch.deadlineUs).toBe(0);
  expect(fetch.step({ kind: 'tick' }, 0)).toEqual(asks(1, 0, 0));
  expect(fetch.deadlineUs).toBe(Infinity);
  const first = new Uint8Array(chunkBytesMax);
  expect(fetch.step({ kind: 'chunkCame', actId: 1, bytes: first, totalBytes }, 1)).toEqual([
    { kind: 'act', act: { kind: 'appendPartial', actId: 2, fromByte: 0, bytes: first } },
  ]);
  expect(fetch.step({ kind: 'done', actId: 2 }, 2)).toEqual(asks(3, chunkBytesMax, 0));
  const rest = new Uint8Array(100);
  fetch.step({ kind: 'chunkCame', actId: 3, bytes: rest, totalBytes }, 3);
  expect(fetch.progress).toEqual({ fetchedBytes: totalBytes, totalBytes });
  expect(fetch.step({ kind: 'done', actId: 4 }, 4)).toEqual([
    { kind: 'act', act: { kind: 'finish', actId: 5 } },
  ]);
  expect(fetch.step({ kind: 'done', actId: 5 }, 5)).toEqual([{ kind: 'fetched', digest }]);
  expect(fetch.step({ kind: 'done', actId: 5 }, 6)).toEqual([]);
});

test('pieces are as large as they are asked to be', () => {
  const options = { digest, partialBytes: 0, servers: 1, bytesMax: chunkBytesMax, chunkBytes: 64 };
  const [ask] = new ImageFetch(options, 0).step({ kind: 'tick' }, 0);
  expect(ask).toMatchObject({ act: { request: { fromByte: 0, bytesMax: 64 } } });
  expect(() => new ImageFetch({ ...options, chunkBytes: chunkBytesMax + 1 }, 0)).toThrow('that is served');
});

test('it goes on where an earlier attempt had come to, also when that was the end', () => {
  const fetch = fetching(totalBytes);
  expect(fetch.step({ kind: 'tick' }, 0)).toEqual(asks(1, totalBytes, 0));
  expect(fetch.step({ kind: 'chunkCame', actId: 1, bytes: new Uint8Array(0), totalBytes }, 1)).toEqual([
    { kind: 'act', act: { kind: 'finish', actId: 2 } },
  ]);
});

test('what does not come is asked of the next server, after a while that grows, and not for ever', () => {
  const fetch = fetching();
  const waits: number[] = [];
  const servers: number[] = [];
  let nowUs = 0;
  for (let actId = 1; ; actId += 1) {
    const [ask] = fetch.step({ kind: 'tick' }, nowUs);
    if (ask?.kind === 'act' && ask.act.kind === 'askChunk') servers.push(ask.act.server);
    const [end] = fetch.step({ kind: 'chunkFailed', actId, reason: 'cut' }, nowUs);
    if (end !== undefined) {
      expect(end).toEqual({ kind: 'gaveUp', digest, reason: 'cut; 12 attempts in a row have failed' });
      break;
    }
    waits.push(fetch.deadlineUs - nowUs);
    expect(fetch.step({ kind: 'tick' }, fetch.deadlineUs - 1)).toEqual([]);
    nowUs = fetch.deadlineUs;
  }
  expect(waits.slice(0, 3)).toEqual([250_000, 500_000, 1_000_000]);
  expect(Math.max(...waits)).toBe(30_000_000);
  expect(servers.slice(0, 4)).toEqual([0, 1, 2, 0]);
  expect(fetch.deadlineUs).toBe(Infinity);
});

test('a whole that is not the image is thrown away and fetched once more, from the next server', () => {
  const fetch = fetching(totalBytes);
  fetch.step({ kind: 'tick' }, 0);
  fetch.step({ kind: 'chunkCame', actId: 1, bytes: new Uint8Array(0), totalBytes }, 0);
  const wrong = { kind: 'failed', wrong: true, reason: 'its digest is another' } as const;
  expect(fetch.step({ ...wrong, actId: 2 }, 0)).toEqual([
    { kind: 'act', act: { kind: 'discardPartial', actId: 3 } },
  ]);
  expect(fetch.step({ kind: 'done', actId: 3 }, 0)).toEqual(asks(4, 0, 1));
  fetch.step({ kind: 'chunkCame', actId: 4, bytes: new Uint8Array(7), totalBytes: 7 }, 0);
  fetch.step({ kind: 'done', actId: 5 }, 0);
  expect(fetch.step({ ...wrong, actId: 6 }, 0)).toEqual([
    { kind: 'gaveUp', digest, reason: 'its digest is another' },
  ]);
});

test.each([
  ['more than was asked for', new Uint8Array(chunkBytesMax + 1), totalBytes],
  ['more than there is', new Uint8Array(8), 7],
  ['nothing where something is missing', new Uint8Array(0), 7],
  ['no size', new Uint8Array(1), 0],
  ['a size that is no number', new Uint8Array(1), NaN],
])('an answer with %s counts as none', (_, bytes, total) => {
  const fetch = fetching();
  fetch.step({ kind: 'tick' }, 0);
  expect(fetch.step({ kind: 'chunkCame', actId: 1, bytes, totalBytes: total }, 0)).toEqual([]);
  expect(fetch.deadlineUs).toBe(250_000);
});

test('an image that is too large, and a disk that cannot keep it, end the fetch', () => {
  const large = fetching();
  large.step({ kind: 'tick' }, 0);
  expect(
    large.step({ kind: 'chunkCame', actId: 1, bytes: new Uint8Array(1), totalBytes: 11 * chunkBytesMax }, 0),
  ).toMatchObject([{ kind: 'gaveUp' }]);
  const full = fetching();
  full.step({ kind: 'tick' }, 0);
  full.step({ kind: 'chunkCame', actId: 1, bytes: new Uint8Array(1), totalBytes: 2 }, 0);
  expect(full.step({ kind: 'failed', actId: 2, wrong: false, reason: 'no space' }, 0)).toEqual([
    { kind: 'gaveUp', digest, reason: 'no space' },
  ]);
});

test('late answers to what is not waited for any more change nothing', () => {
  const fetch = fetching();
  fetch.step({ kind: 'tick' }, 0);
  fetch.step({ kind: 'chunkFailed', actId: 1, reason: 'cut' }, 0);
  expect(fetch.step({ kind: 'chunkCame', actId: 1, bytes: new Uint8Array(1), totalBytes: 1 }, 0)).toEqual([]);
  expect(fetch.step({ kind: 'tick' }, 250_000)).toEqual(asks(2, 0, 1));
});
