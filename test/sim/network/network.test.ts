import { expect, test } from 'vitest';

import { latencyUsMax } from '../../../sim/latency.ts';
import { clientAddress, cut, type Lossy, type Narrow, type Tail } from '../../../sim/network/conditions.ts';
import { defaultNetworkPlan, Network, type Packet } from '../../../sim/network/network.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { World } from '../../../sim/world.ts';

interface Arrival {
  readonly number: number;
  readonly atUs: number;
}

/** A network on which numbered packets are sent one by one, each `everyUs` after the one before. */
class Line {
  readonly world = new World();
  readonly network: Network;
  readonly arrivals: Arrival[] = [];
  readonly sentUs: number[] = [];

  constructor(seed: string, plan: Partial<typeof defaultNetworkPlan> = {}) {
    const prng = seededPrng(seed);
    this.network = new Network({ world: this.world, prng, plan: { ...defaultNetworkPlan, ...plan } });
  }

  send(packets: { from?: number; to?: number; count: number; everyUs?: number; stream?: boolean }): void {
    for (let number = 0; number < packets.count; number += 1) {
      const packet: Packet = {
        from: packets.from ?? 1,
        to: packets.to ?? 2,
        bytes: 100,
        carriage: packets.stream === true ? 'stream' : 'datagram',
        arrived: () => this.arrivals.push({ number, atUs: this.world.nowUs }),
      };
      this.world.after(number * (packets.everyUs ?? 0), () => {
        this.sentUs[number] = this.world.nowUs;
        this.network.send(packet);
      });
    }
  }

  finish(): void {
    this.world.runUntil(this.world.nowUs + 1_000_000_000);
  }

  get numbers(): number[] {
    return this.arrivals.map(({ number }) => number);
  }

  latency(arrival: Arrival): number {
    return arrival.atUs - (this.sentUs[arrival.number] ?? 0);
  }
}

function lossy(ppm: { lossPpm?: number; duplicatePpm?: number; reorderPpm?: number }): Lossy {
  return {
    kind: 'lossy',
    lossPpm: 0,
    duplicatePpm: 0,
    reorderPpm: 0,
    ...ppm,
    prng: seededPrng('lossy'),
    hits: 0,
  };
}

test('at peace every packet arrives once, in order, most of them close to the median and some far behind', () => {
  const line = new Line('peace', { latencyUsMin: 1_000, latencyUsMax: 1_000 });
  line.send({ count: 20_000, everyUs: 200_000 });
  line.world.runUntil(5_000_000_000);
  expect(line.numbers).toEqual(Array.from({ length: 20_000 }, (_, number) => number));
  const latencies = line.arrivals.map((arrival) => line.latency(arrival));
  const slower = (thanUs: number): number => latencies.filter((latencyUs) => latencyUs > thanUs).length;
  expect(Math.min(...latencies)).toBeGreaterThanOrEqual(600);
  expect(Math.max(...latencies)).toBeLessThanOrEqual(50_000);
  expect(Math.abs(slower(1_600) - 2_000)).toBeLessThan(250);
  expect(Math.abs(slower(4_000) - 400)).toBeLessThan(100);
  expect(Math.abs(slower(15_000) - 40)).toBeLessThan(30);
});

test('each link draws its own median, and keeps it', () => {
  const line = new Line('links');
  const medians: number[] = [];
  for (const to of [2, 3, 4, 5]) {
    line.arrivals.length = 0;
    line.send({ to, count: 500, everyUs: 1_000_000 });
    line.finish();
    const sorted = line.arrivals.map((arrival) => line.latency(arrival)).sort((left, right) => left - right);
    medians.push(sorted[250] ?? 0);
  }
  expect(new Set(medians).size).toBe(4);
});

test('a lossy network loses, doubles and reorders in about the shares that it was told', () => {
  const line = new Line('lossy');
  const condition = lossy({ lossPpm: 100_000, duplicatePpm: 50_000, reorderPpm: 20_000 });
  line.network.begin(condition);
  line.send({ count: 20_000, everyUs: 10_000 });
  line.finish();
  const { lost, duplicated, reordered, delivered, sent } = line.network.counts;
  expect(sent).toBe(20_000);
  expect(Math.abs(lost - 2_000)).toBeLessThan(200);
  expect(Math.abs(duplicated - 900)).toBeLessThan(150);
  expect(Math.abs(reordered - 360)).toBeLessThan(80);
  expect(delivered).toBe(sent - lost + duplicated);
  expect(condition.hits).toBe(lost + duplicated + reordered);
  const { numbers } = line;
  const backwards = numbers.filter((number, at) => number < (numbers[at - 1] ?? 0)).length;
  expect(backwards).toBeGreaterThan(50);
});

test('what travels in a connection is lost like everything else, but never doubled nor reordered', () => {
  const line = new Line('stream');
  line.network.begin(lossy({ lossPpm: 100_000, duplicatePpm: 500_000, reorderPpm: 500_000 }));
  line.send({ count: 5_000, everyUs: 100, stream: true });
  line.finish();
  expect(line.network.counts.duplicated).toBe(0);
  expect(line.numbers).toEqual([...line.numbers].sort((left, right) => left - right));
  expect(new Set(line.numbers).size).toBe(line.numbers.length);
  expect(Math.abs(line.numbers.length - 4_500)).toBeLessThan(120);
});

test('a cut stops one direction and leaves the other, on the named links alone', () => {
  const line = new Line('one way');
  const condition = cut([1], [2, 3]);
  line.network.begin(condition);
  for (const [from, to] of [
    [1, 2],
    [1, 3],
    [2, 1],
    [3, 1],
    [2, 3],
    [1, 4],
  ] as const) {
    line.arrivals.length = 0;
    line.send({ from, to, count: 10 });
    line.finish();
    expect([from, to, line.arrivals.length]).toEqual([from, to, from === 1 && to !== 4 ? 0 : 10]);
  }
  expect(condition.hits).toBe(20);
  line.network.end(condition);
  line.arrivals.length = 0;
  line.send({ from: 1, to: 2, count: 10 });
  line.finish();
  expect(line.arrivals).toHaveLength(10);
});

test('a client can be cut off from a member that still reaches it', () => {
  const line = new Line('client');
  line.network.begin(cut([clientAddress(0)], [1]));
  line.send({ from: clientAddress(0), to: 1, count: 3 });
  line.finish();
  expect(line.arrivals).toHaveLength(0);
  line.send({ from: clientAddress(1), to: 1, count: 3 });
  line.send({ from: 1, to: clientAddress(0), count: 3 });
  line.finish();
  expect(line.arrivals).toHaveLength(6);
});

test('a cut also drops what is already on its way', () => {
  const line = new Line('on its way', { latencyUsMin: 1_000, latencyUsMax: 1_000 });
  line.send({ count: 5 });
  const condition = cut([1], [2]);
  line.world.after(100, () => {
    line.network.begin(condition);
  });
  line.world.after(900_000, () => {
    line.network.end(condition);
  });
  line.finish();
  expect(line.arrivals).toHaveLength(0);
  expect(condition.hits).toBe(5);
  expect(line.network.inFlightBytes(1, 2)).toBe(0);
});

test('a clog holds everything back and lets it out in order at its end', () => {
  const line = new Line('clog');
  const condition = { kind: 'clog', from: 1, to: 2, hits: 0 } as const;
  line.network.begin(condition);
  line.send({ count: 50, everyUs: 1_000 });
  line.world.runUntil(1_000_000);
  expect(line.arrivals).toHaveLength(0);
  expect(line.network.inFlightBytes(1, 2)).toBe(5_000);
  line.network.end(condition);
  line.finish();
  expect(line.numbers).toEqual(Array.from({ length: 50 }, (_, number) => number));
  expect(condition.hits).toBe(50);
});

test('of several slow conditions the slowest counts, and nothing takes longer than the longest time', () => {
  const plain = new Line('slow', { latencyUsMin: 1_000, latencyUsMax: 1_000 });
  const slow = new Line('slow', { latencyUsMin: 1_000, latencyUsMax: 1_000 });
  slow.network.begin({ kind: 'slow', factor: 3, hits: 0 });
  slow.network.begin({ kind: 'slow', factor: 10, hits: 0 });
  const slowest = new Line('slow', { latencyUsMin: 1_000, latencyUsMax: 1_000 });
  slowest.network.begin({ kind: 'slow', factor: 1_000_000, hits: 0 });
  for (const line of [plain, slow, slowest]) {
    line.send({ count: 100, everyUs: 10_000_000 });
    line.finish();
  }
  for (const [at, arrival] of plain.arrivals.entries()) {
    expect(slow.latency(slow.arrivals[at] as Arrival)).toBe(10 * plain.latency(arrival));
    expect(slowest.latency(slowest.arrivals[at] as Arrival)).toBe(latencyUsMax);
  }
});

test('a link holds a bounded number of bytes; what exceeds it is dropped', () => {
  const line = new Line('full', { linkBytesMax: 1_000 });
  line.send({ count: 25 });
  line.finish();
  expect(line.numbers).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect(line.network.counts.overflowed).toBe(15);
  line.send({ count: 1 });
  line.finish();
  expect(line.arrivals).toHaveLength(11);
});

test('one link’s traffic does not change what happens on another', () => {
  const arrivals = (noise: number): readonly Arrival[] => {
    const line = new Line('independent');
    for (let packet = 0; packet < noise; packet += 1) {
      line.network.send({ from: 3, to: 2, bytes: 1, carriage: 'datagram', arrived: () => undefined });
    }
    line.send({ count: 100, everyUs: 500 });
    line.finish();
    return line.arrivals;
  };
  expect(arrivals(1_000)).toEqual(arrivals(0));
});

/** Two ends of a condition that lies on the links from 1 to 2. */
const ends = { from: new Set([1]), to: new Set([2]) };

test('a narrow link carries what it can: packets stand in line, in order, and others pass', () => {
  const stage = new Line('narrow');
  const narrow: Narrow = { kind: 'narrow', ...ends, bytesPerSecond: 1_000, freeUs: new Map(), hits: 0 };
  stage.network.begin(narrow);
  // 100 bytes take 100 ms: twenty at once take two seconds.
  stage.send({ count: 20 });
  stage.finish();
  expect(stage.numbers).toEqual(Array.from({ length: 20 }, (_, number) => number));
  for (const { number, atUs } of stage.arrivals) expect(atUs).toBeGreaterThan((number + 1) * 100_000);
  expect(stage.arrivals[19]?.atUs).toBeLessThan(2_500_000);
  // The first found the link free.
  expect(narrow.hits).toBe(19);

  const back = new Line('narrow');
  back.network.begin({ ...narrow, freeUs: new Map() });
  back.send({ count: 20, from: 2, to: 1 });
  back.finish();
  expect(Math.max(...back.arrivals.map(({ atUs }) => atUs))).toBeLessThan(200_000);
});

test('what the line before a narrow link does not hold is dropped, and nothing waits for longer than anything may', () => {
  const stage = new Line('full line');
  const narrow: Narrow = { kind: 'narrow', ...ends, bytesPerSecond: 1_000, freeUs: new Map(), hits: 0 };
  stage.network.begin(narrow);
  stage.send({ count: 80 });
  stage.finish();
  expect(stage.arrivals).toHaveLength(50);
  expect(stage.network.counts.overflowed).toBe(30);
  expect(Math.max(...stage.arrivals.map((arrival) => stage.latency(arrival)))).toBeLessThanOrEqual(5_000_000);
  expect(stage.network.inFlightBytes(1, 2)).toBe(0);
});

test('a packet in a long tail is late, and those behind it wait for it', () => {
  const stage = new Line('tail');
  const tail: Tail = {
    kind: 'tail',
    ...ends,
    tailPpm: 50_000,
    tailUs: 1_000_000,
    prng: seededPrng('tail'),
    hits: 0,
  };
  stage.network.begin(tail);
  stage.send({ count: 400, everyUs: 5_000 });
  stage.finish();
  expect(tail.hits).toBeGreaterThan(8);
  expect(tail.hits).toBeLessThan(40);
  expect(stage.numbers).toEqual(Array.from({ length: 400 }, (_, number) => number));
  const late = stage.arrivals.filter((arrival) => stage.latency(arrival) > 200_000);
  expect(late.length).toBeGreaterThan(tail.hits);
});
