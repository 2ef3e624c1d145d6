import { expect, test } from 'vitest';

import { del, put } from '../requests.ts';
import { WatchScene, type Write } from './scene.ts';

const putting = (key: string, text: string): Write => ({ kind: 'put', request: put(key, text) });

/** A key that changes now and then among others that change all the time; and a turn looks at few rows. */
function scene(): WatchScene {
  const made = new WatchScene({}, { rows: 10 });
  for (let at = 0; at < 500; at += 1) {
    if (at % 100 === 50) made.write(putting('one', `${at}`));
    if (at === 300) made.write({ kind: 'deleteRange', request: del('one') });
    made.write(putting(`other ${at % 7}`, `${at}`));
  }
  return made;
}

function turns(made: WatchScene): number {
  let count = 0;
  while (made.hub.hasWork) {
    made.turn();
    count += 1;
  }
  return count;
}

test('a watch of one key comes from far back by the changes of that key, not by all there were', () => {
  const made = scene();
  const stream = made.open();
  made.create(stream, { key: 'one', startRevision: 2, prevKv: true });
  expect(turns(made)).toBeLessThan(5);
  const heard = made.hear(stream).join(' ');
  for (const value of ['50', '150', '250', '350', '450']) expect(heard).toContain(`put one=${value}@`);
  expect(heard.match(/put one/g)).toHaveLength(5);
  expect(heard.match(/del one/g)).toHaveLength(1);
  expect(heard).toContain('was one=250@');
});

test('it hears what a watch of more keys hears of that key', () => {
  const made = scene();
  const [one, many] = [made.open(), made.open()];
  made.create(one, { key: 'one', startRevision: 100, prevKv: true });
  turns(made);
  made.create(many, { key: 'one', rangeEnd: 'one\x00', startRevision: 100, prevKv: true });
  expect(turns(made)).toBeGreaterThan(20);
  const words = (stream: number): readonly string[] =>
    made.hear(stream).flatMap((line) => line.match(/(put|del) one\S*( was \S+)?/g) ?? []);
  const heard = words(one);
  expect(heard).toHaveLength(5);
  expect(words(many)).toEqual(heard);
});

test('with many changes of its own it takes many turns, and others have theirs in between', () => {
  const made = new WatchScene({}, { rows: 10 });
  for (let at = 0; at < 200; at += 1) made.write(putting('one', `${at}`));
  const stream = made.open();
  made.create(stream, { key: 'one', startRevision: 2 });
  expect(turns(made)).toBeGreaterThan(15);
  expect(
    made
      .hear(stream)
      .join(' ')
      .match(/put one/g),
  ).toHaveLength(200);
});
