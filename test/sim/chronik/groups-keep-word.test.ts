import { expect, test } from 'vitest';

import { kafkaErrors } from '../../../core/wire/kafka/error-codes.ts';
import { GroupsKeepWord } from '../../../sim/chronik/checkers/groups-keep-word.ts';
import { WatchedBrokers } from './subject.ts';

const groupId = 'g';

/** What members were told, put together by hand. */
class Told {
  readonly #checker = new GroupsKeepWord();
  readonly #brokers = new WatchedBrokers(this.#checker);

  share(atUs: number, generation: number, owner: string, partitions: readonly number[] = [0]): this {
    this.#brokers.state.history.shares.push({ atUs, groupId, generation, owner, partitions });
    return this;
  }

  /** `error` undefined: it was never answered. */
  commit(startUs: number, generation: number, offset: number, error: number | undefined): this {
    const endUs = error === undefined ? undefined : startUs + 1;
    const commit = { groupId, generation, partition: 0, offset, startUs, endUs, error };
    this.#brokers.state.history.groupCommits.push(commit);
    return this;
  }

  fetch(startUs: number, generation: number, offset: number): this {
    const fetch = { startUs, atUs: startUs + 1, groupId, generation, partition: 0, offset };
    this.#brokers.state.history.groupFetches.push(fetch);
    return this;
  }

  check(): void {
    this.#checker.onEnd(this.#brokers.state);
  }
}

const well = kafkaErrors.NONE;
const late = kafkaErrors.REQUEST_TIMED_OUT;

test('fires for a partition that two members were given in one generation, not in two', () => {
  const two = new Told().share(0, 1, 'a').share(1, 1, 'b');
  expect(() => {
    two.check();
  }).toThrow('partition 0 in generation 1 of group g was given to a and to b');
  new Told().share(0, 1, 'a').share(1, 1, 'a').share(2, 1, 'b', [1]).share(3, 2, 'b').check();
});

test('fires for a commit of a generation that somebody was told the next of, not for one that was on its way', () => {
  const stale = new Told().share(0, 2, 'b').commit(5, 1, 7, well);
  expect(() => {
    stale.check();
  }).toThrow('offset 7 of partition 0 was taken in generation 1 of group g, 5 µs after b was told its share');
  new Told().commit(4, 1, 7, well).share(5, 2, 'b').commit(6, 1, 8, kafkaErrors.ILLEGAL_GENERATION).check();
});

test('fires for an acknowledged commit that the next generation is not told of', () => {
  const lost = new Told().commit(0, 1, 7, well).fetch(10, 2, -1);
  expect(() => {
    lost.check();
  }).toThrow(
    'offset -1 was told in generation 2 of group g, where the last is 7, acknowledged in generation 1',
  );
  const old = new Told().commit(0, 1, 7, well).commit(5, 1, 8, well).fetch(10, 2, 7);
  expect(() => {
    old.check();
  }).toThrow('offset 7 was told in generation 2');
  const invented = new Told().commit(0, 1, 7, well).fetch(10, 2, 9);
  expect(() => {
    invented.check();
  }).toThrow('offset 9 was told');
  new Told().commit(0, 1, 7, well).commit(5, 1, 8, well).fetch(10, 2, 8).check();
});

test('allows for commits whose fate nobody knows, behind the last that counted', () => {
  for (const offset of [7, 8, 9]) {
    new Told()
      .commit(0, 1, 7, well)
      .commit(3, 1, 8, undefined)
      .commit(5, 1, 9, late)
      .fetch(10, 2, offset)
      .check();
  }
  const before = new Told().commit(0, 1, 7, undefined).commit(3, 2, 8, well).fetch(10, 3, 7);
  expect(() => {
    before.check();
  }).toThrow('offset 7 was told in generation 3');
});
