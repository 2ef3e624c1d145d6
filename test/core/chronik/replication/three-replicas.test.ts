import { expect, test } from 'vitest';

import { ReplicasRig } from './replicas-rig.ts';

test('a record is acknowledged once it is on the disk of every in-sync replica, and consumers may then read it', () => {
  const rig = new ReplicasRig();
  rig.settle();
  const leader = rig.broker(1);
  leader.takeTold();
  const { token } = leader.produce(['a', 'b']);
  for (let count = 0; count < 4; count += 1) rig.deliver();
  expect(rig.broker(2).records()).toEqual(['0:a', '0:b']);
  expect(leader.highWatermark).toBe(0);
  leader.sync();
  rig.broker(2).sync();
  rig.deliver();
  rig.deliver();
  expect(leader.takeTold()).toEqual([]);
  rig.settle();
  expect(leader.takeTold()).toEqual([{ appended: token, end: 'NONE' }, { highWatermark: 2 }]);
  expect([1, 2, 3].map((id) => rig.broker(id).highWatermark)).toEqual([2, 2, 2]);
});
