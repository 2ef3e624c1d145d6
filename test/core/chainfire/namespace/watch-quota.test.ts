import { expect, test } from 'vitest';
import { prefixEnd } from '../../../../core/chainfire/client/key-prefix.ts';
import { type WatchCreateRequest } from '../../../../core/chainfire/api/watch.ts';
import { WatchScene } from '../watch/scene.ts';
import { doing } from './scene.ts';

const under = (prefix: string): Partial<WatchCreateRequest> => ({ key: prefix, rangeEnd: prefixEnd(prefix) });
const full = 'etcdserver: namespace a: quota of watches exceeded (limit 2, used 2, the request adds 1)';

/** What each of the answers so far says of a watch that was asked for. */
function answers(scene: WatchScene, stream: number): string[] {
  return scene
    .read(stream)
    .filter(({ created }) => created)
    .map(({ canceled, cancelReason }) => (canceled ? cancelReason : 'created'));
}

test('a watch beyond the limit is refused by name; one that ends makes room', () => {
  const scene = new WatchScene();
  scene.write(doing.define('a', 'a/', { watches: 2 }));
  const [one, two] = [scene.open(), scene.open()];
  scene.create(one, under('a/'));
  scene.create(two, { key: 'a/1' });
  scene.create(two, under('a/1'));
  expect([answers(scene, one), answers(scene, two)]).toEqual([['created'], ['created', full]]);
  scene.close(one);
  scene.create(two, under('a/'));
  expect(answers(scene, two)).toEqual(['created']);
});

test('a watch that looks beyond the namespace is nobody’s, and neither is one elsewhere', () => {
  const scene = new WatchScene();
  scene.write(doing.define('a', 'a/', { watches: 2 }));
  const stream = scene.open();
  for (let times = 0; times < 3; times += 1) {
    scene.create(stream, under('a'));
    scene.create(stream, { key: 'a/', rangeEnd: '\x00' });
    scene.create(stream, under('b/'));
  }
  scene.create(stream, { key: 'a/' });
  scene.create(stream, { key: 'a/', rangeEnd: 'a0' });
  scene.create(stream, { key: 'a/' });
  expect(answers(scene, stream)).toEqual([...Array.from({ length: 11 }, () => 'created'), full]);
});

test('watches that were there before the namespace count; those beyond a limit go on', () => {
  const scene = new WatchScene();
  const stream = scene.open();
  for (let times = 0; times < 3; times += 1) scene.create(stream, { key: 'a/1' });
  scene.write(doing.define('a', 'a/', { watches: 2 }));
  scene.create(stream, { key: 'a/1' });
  expect(answers(scene, stream)).toEqual(['created', 'created', 'created', full.replace('used 2', 'used 3')]);
  scene.write(doing.put('a/1', ''));
  expect(scene.read(stream).flatMap(({ events }) => events)).toHaveLength(3);
  scene.write(doing.remove('a'));
  scene.create(stream, { key: 'a/1' });
  expect(answers(scene, stream)).toEqual(['created']);
});
