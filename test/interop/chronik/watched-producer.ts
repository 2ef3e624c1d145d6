import { fileURLToPath } from 'node:url';
import { expect, onTestFailed } from 'vitest';

import { LiveCommand, runCommand } from '../command.ts';
import { python } from '../requirement.ts';

const script = fileURLToPath(new URL('idempotent_producer.py', import.meta.url));
/** A session that ends, an election, and a client that finds the new leader. */
const recoveryMs = 60_000;
/** Of what its process has said, shown when a test fails. */
const saidCharsMax = 10_000;

export interface Acknowledged {
  readonly value: string;
  readonly partition: number;
  /** Undefined where an answer was lost and a later one, or that to a retry, said that it is there. */
  readonly offset: number | undefined;
}

/**
 * A process of librdkafka's that goes on producing numbers to the three partitions of a topic, idempotently and with all
 * acknowledgements, and what it was told of them.
 */
export class WatchedProducer {
  readonly #endpoints: string;
  readonly #topic: string;
  readonly #command: LiveCommand;

  constructor(endpoints: string, topic: string, lifeMs: number) {
    this.#endpoints = endpoints;
    this.#topic = topic;
    this.#command = new LiveCommand(python, [script, endpoints, topic, '2'], {}, lifeMs);
    onTestFailed(() => {
      const acknowledged = `${this.acknowledged.length} acknowledged, the last of them ${JSON.stringify(this.acknowledged.slice(-3))}`;
      process.stderr.write(`--- producer: ${acknowledged}\n${this.#command.stderr.slice(-saidCharsMax)}\n`);
    });
  }

  get acknowledged(): readonly Acknowledged[] {
    return this.#command.stdout
      .split('\n')
      .slice(0, -1)
      .map((line) => {
        const [value = '', partition, offset] = line.split(' ');
        return {
          value,
          partition: Number(partition),
          offset: offset === 'None' ? undefined : Number(offset),
        };
      });
  }

  /** Waits until more than so many are acknowledged. */
  async acknowledgedBeyond(count: number): Promise<void> {
    await expect
      .poll(() => this.acknowledged.length, { timeout: recoveryMs, interval: 50 })
      .toBeGreaterThan(count);
  }

  /** Every partition is written to again: each has acknowledged something since. */
  async allPartitionsServe(): Promise<void> {
    const before = this.acknowledged.length;
    const partitionsSince = () =>
      new Set(this.acknowledged.slice(before).map(({ partition }) => partition)).size;
    await expect.poll(partitionsSince, { timeout: recoveryMs, interval: 100 }).toBe(3);
  }

  async kill(): Promise<void> {
    await this.#command.end('SIGKILL');
  }

  /**
   * Ends the producer in order, so that what it has under way is acknowledged, too; then: what was acknowledged is where it was said
   * to be, once, and in the order in which it was produced; nothing else is there. @returns how much that is
   */
  async losesNothing(): Promise<number> {
    this.#command.closeInput();
    const { code, stderr } = await this.#command.end();
    expect({ code, stderr: stderr.replaceAll(/^%.*\n/gm, '') }).toEqual({ code: 0, stderr: '' });
    const all = this.acknowledged;
    const content = await this.#content();
    const valuesOf = (partition: number): readonly string[] =>
      [...content].filter(([place]) => place.startsWith(`${partition} `)).map(([, value]) => value);
    const byPartition = [0, 1, 2].map((partition) => new Set(valuesOf(partition)));
    const missing = all.filter(({ value, partition, offset }) =>
      offset === undefined
        ? byPartition[partition]?.has(value) !== true
        : content.get(`${partition} ${offset}`) !== value,
    );
    expect(missing).toEqual([]);
    const values = [...content.values()];
    expect(new Set(values).size, 'no value twice').toBe(values.length);
    expect(values.length).toBe(all.length);
    for (const partition of [0, 1, 2]) {
      const numbers = valuesOf(partition).map(Number);
      expect(numbers, 'in order').toEqual(numbers.toSorted((left, right) => left - right));
    }
    return all.length;
  }

  /** Everything in the topic, by partition and offset; of a partition in the order of its offsets. */
  async #content(): Promise<ReadonlyMap<string, string>> {
    const args = ['-b', this.#endpoints, '-C', '-t', this.#topic, '-e', '-q', '-f', '%p %o %s\\n'];
    const { code, stdout } = await runCommand('kcat', args);
    expect(code).toBe(0);
    const content = new Map<string, string>();
    for (const line of stdout.split('\n').filter(Boolean)) {
      const [partition, offset, value = ''] = line.split(' ');
      content.set(`${partition} ${offset}`, value);
    }
    return content;
  }
}
