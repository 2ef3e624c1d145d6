import { afterEach, beforeEach, expect, test } from 'vitest';

import { isAlive } from '../../../adapters/qemu/proc.ts';
import { type InstanceId } from '../../../core/plasma/types.ts';
import { describeWith } from '../requirement.ts';
import { type ConsoleFile, hasFailedWrite } from './guest-ticks.ts';
import { startedAfterUs, stoppedByUs } from './node-fence.ts';
import { type CloudNode, PlasmaCloud } from './plasma-cloud.ts';
import { until } from './qemu-subject.ts';

describeWith(['qemu-system-x86_64', 'qemu-img'], 'a node of which nothing is heard', () => {
  let cloud: PlasmaCloud;
  let node: CloudNode;
  let before: InstanceId;

  beforeEach(async () => {
    cloud = await PlasmaCloud.start({ nodes: [{ name: 'n1' }, { name: 'n2' }] });
    await cloud.photon('vm', 'create', 'ticker', '--shared-disk', 'tick', '--memory', '16M');
    const vm = await cloud.running('ticker');
    expect(vm.spec.leasePolicy).toBe('must-stop');
    node = cloud.node(vm.node);
    before = vm.instance;
  });

  afterEach(() => cloud.end());

  interface Taken {
    /** What it said on the node that is lost. */
    readonly old: ConsoleFile;
    /** Where it runs now, and what it says there. */
    readonly now: InstanceId;
    readonly console: ConsoleFile;
  }

  /** It is taken from its node by another one, not before all that must stop there has surely ended. */
  async function taken(lose: () => Promise<void> | void): Promise<Taken> {
    const old = cloud.consoleOf(before, node);
    await until(() => old.ticks.length >= 5);
    const stoppedBy = await stoppedByUs(node, before);
    await lose();
    const lost = await cloud.event('nodeLost');
    expect(lost).toMatchObject({ node: node.name });
    const other = cloud.other(node);
    expect(await cloud.event('placed', lost)).toMatchObject({ vm: before.vm, node: other.name });
    const { instance: now } = await cloud.running('ticker');
    expect(startedAfterUs(now)).toBeGreaterThanOrEqual(stoppedBy);
    expect(now.fenceToken).toBeGreaterThan(before.fenceToken);
    const console = cloud.consoleOf(now, other);
    await until(() => console.ticks.length >= 5);
    return { old, now, console };
  }

  /** The node is back, with nothing of it; every tick was written once, by the one whose turn it was. */
  async function rejoined({ old, now, console }: Taken): Promise<void> {
    await cloud.untilNode(node.name, ({ state, epoch }) => state === 'up' && epoch === 2);
    await until(() => !isAlive(before));
    const [first = 0, ...further] = console.ticks;
    expect(old.ticks).toEqual(old.ticks.map((_, at) => at + 1));
    expect(further).toEqual(further.map((_, at) => first + 1 + at));
    // Of what was written last there it may not have heard any more.
    expect([1, 2]).toContain(first - (old.ticks.at(-1) ?? 0));
    expect(hasFailedWrite(console.said)).toBe(false);
    await until(() => cloud.disk.counted.ticks >= (further.at(-1) ?? 0) + 5);
    expect(cloud.disk.counted.boots).toBe(2);
    expect(node.instances).toEqual([]);
    expect(await cloud.running('ticker')).toMatchObject({ instance: now, restarts: 0 });
  }

  test('stands still, and writes nothing when it goes on: another node has what must stop', async () => {
    const all = await taken(() => {
      node.signal('SIGSTOP');
    });
    // The guest first, with nobody to stop it: it goes on where it stood, and the disk takes nothing of it.
    process.kill(before.pid, 'SIGCONT');
    await until(() => hasFailedWrite(all.old.said));
    const seen = all.console.ticks.length;
    await until(() => all.console.ticks.length >= seen + 5);
    // Then the watchdog, whose time has come long ago; at last the agent, as another registration of its node.
    process.kill(node.watchdog, 'SIGCONT');
    await until(() => !isAlive(before));
    process.kill(node.agent.pid, 'SIGCONT');
    await rejoined(all);
  });

  test('stands still, and goes on all at once: what it had comes to rest', async () => {
    const all = await taken(() => {
      node.signal('SIGSTOP');
    });
    node.signal('SIGCONT');
    await rejoined(all);
  });

  test('has a dead agent: its watchdog stops what must stop, and another node has it', async () => {
    const all = await taken(async () => {
      await node.agent.end('SIGKILL');
      await until(() => !isAlive(before));
    });
    await node.agent.start();
    await rejoined(all);
  });

  test('has a frozen agent: its watchdog stops what must stop, and another node has it', async () => {
    const all = await taken(async () => {
      process.kill(node.agent.pid, 'SIGSTOP');
      await until(() => !isAlive(before));
    });
    process.kill(node.agent.pid, 'SIGCONT');
    await rejoined(all);
  });
});
