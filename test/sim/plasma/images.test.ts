import { beforeEach, expect, test } from 'vitest';

import { type ImageFetchAct } from '../../../core/plasma/images/image-fetch.ts';
import { type ChunkEnd, digestOf } from '../../../sim/plasma/images.ts';
import { type FetchingMachine, ImageFetches } from '../../../sim/plasma/image-fetches.ts';
import { NodeImageFiles } from '../../../sim/plasma/node-images.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { World } from '../../../sim/world.ts';

const bytes = Uint8Array.from({ length: 1_000 }, (_, at) => (at * 7 + (at >> 3)) % 256);
const digest = digestOf(bytes);
const second = 1_000_000;

let world: World;
let images: NodeImageFiles;
let served: Uint8Array;
let asked: number[];

beforeEach(() => {
  [world, images, served, asked] = [new World(), new NodeImageFiles(), bytes, []];
});

function fetches(): ImageFetches {
  const prng = seededPrng('fetches');
  const machine: FetchingMachine = {
    images,
    delayUs: (fromUs, toUs) => fromUs + prng.below(toUs - fromUs + 1),
    later: (delayUs, go) => world.after(delayUs, go),
    get nowUs() {
      return world.nowUs;
    },
  };
  return new ImageFetches(machine, {
    servers: 2,
    chunkBytes: 64,
    ask: ({ request: { fromByte, bytesMax } }, ended: (end: ChunkEnd) => void) => {
      asked.push(fromByte);
      const piece = served.slice(fromByte, fromByte + bytesMax);
      world.after(1_000, () => ended({ kind: 'came', bytes: piece, totalBytes: served.length }));
    },
    acting: (_digest, _act: ImageFetchAct) => undefined,
  });
}

test('digests tell bytes apart, and look as those of SHA-256 do', () => {
  expect(digest).toMatch(/^sha256:[0-9a-f]{64}$/);
  expect(digestOf(bytes.slice())).toBe(digest);
  for (const at of [0, 500, 999]) {
    const other = bytes.slice();
    other[at] = (other[at] as number) ^ 1;
    expect(digestOf(other)).not.toBe(digest);
  }
});

test('what was fetched becomes an image only when it is the right one', () => {
  expect(images.append(digest, 0, bytes.slice(0, 999))).toBe('done');
  expect(images.append(digest, 998, bytes.slice(998))).toBe('wrong');
  expect(images.finish(digest)).toBe('wrong');
  expect(images.whole(digest)).toBeUndefined();
  images.append(digest, 999, bytes.slice(999));
  expect(images.finish(digest)).toBe('done');
  expect(images.whole(digest)).toEqual(bytes);
  expect(images.partial(digest)).toHaveLength(0);
});

test('a loss of power leaves a whole image alone, and of a partial one any beginning', () => {
  const other = digestOf(bytes.slice(0, 500));
  const prng = seededPrng('power');
  const lengths = new Set<number>();
  for (let round = 0; round < 50; round += 1) {
    const disk = new NodeImageFiles();
    disk.append(other, 0, bytes.slice(0, 500));
    disk.finish(other);
    disk.append(digest, 0, bytes.slice(0, 600));
    disk.powerLost(prng);
    expect(disk.whole(other)).toEqual(bytes.slice(0, 500));
    lengths.add(disk.partial(digest).length);
    expect(disk.partial(digest).length).toBeLessThanOrEqual(600);
  }
  expect(lengths.size).toBeGreaterThan(5);
});

test('a fetch that dies with its agent at any moment goes on where it was, and ends with the same bytes', () => {
  for (let diesUs = 20_000; diesUs < 400_000; diesUs += 37_000) {
    [world, images, asked] = [new World(), new NodeImageFiles(), []];
    const first = fetches();
    first.need(digest, () => undefined);
    world.runUntil(diesUs);
    const wasUnderWay = first.underWay;
    first.agentDied();
    const there = images.partial(digest).length;
    asked = [];
    let outcome: string | undefined = 'not told';
    fetches().need(digest, (failure) => (outcome = failure));
    world.runUntil(diesUs + 10 * second);
    if (wasUnderWay) expect(asked[0]).toBe(there);
    expect(outcome).toBeUndefined();
    expect(images.whole(digest)).toEqual(bytes);
  }
});

test('two that need an image wait for one fetch, and a wrong one is given to neither', () => {
  served = bytes.slice();
  served[77] = 255 - (bytes[77] as number);
  const outcomes: (string | undefined)[] = [];
  const both = fetches();
  both.need(digest, (failure) => outcomes.push(failure));
  both.need(digest, (failure) => outcomes.push(failure));
  world.runUntil(60 * second);
  expect(outcomes).toHaveLength(2);
  for (const outcome of outcomes) expect(outcome).toContain('could not be fetched');
  expect(asked.filter((fromByte) => fromByte === 0)).toHaveLength(2);
  expect(images.whole(digest)).toBeUndefined();
});
