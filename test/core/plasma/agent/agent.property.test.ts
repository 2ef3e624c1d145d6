import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type DesiredVm } from '../../../../core/plasma/agent-protocol.ts';
import { vmKey } from '../../../../core/plasma/agent/vm.ts';
import { paused, run, sharedRoot, spec, stopped, stoppedAtOnce, vmId } from './specs.ts';
import { World } from './world.ts';

/** Two that must stop, one of them with a shared disk, and two that go on. */
const specs = [
  spec({ restartPolicy: 'on-failure' }),
  spec({ restartPolicy: 'always', disks: [sharedRoot] }),
  spec({ restartPolicy: 'never', leasePolicy: 'keep-running' }),
  spec({ restartPolicy: 'always', leasePolicy: 'keep-running' }),
];

const wait = fc.integer({ min: 0, max: 15_000_000 });
const which = fc.integer({ min: 0, max: specs.length - 1 });

const wish = fc.record({
  kind: fc.constant('want' as const),
  which,
  want: fc.constantFrom(run, run, paused, stopped, stoppedAtOnce),
});
const command = fc.oneof(
  { weight: 4, arbitrary: wish },
  fc.record({ kind: fc.constant('evict' as const), which }),
  fc.record({ kind: fc.constant('remove' as const), which }),
  fc.record({ kind: fc.constant('crash' as const), downUs: wait }),
  fc.record({ kind: fc.constantFrom('cut' as const, 'heal' as const) }),
  fc.record({ kind: fc.constant('lose' as const), percent: fc.integer({ min: 0, max: 40 }) }),
  fc.record({ kind: fc.constant('failActs' as const), count: fc.integer({ min: 1, max: 3 }) }),
  fc.record({
    kind: fc.constant('guestEnds' as const),
    which,
    cause: fc.constantFrom('guest-shutdown' as const, 'process-died' as const),
  }),
  fc.record({ kind: fc.constant('giveUp' as const) }),
  fc.record({ kind: fc.constant('disobey' as const), obedient: fc.boolean() }),
);

type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

function obey(world: World, step: Command): void {
  const { server } = world;
  switch (step.kind) {
    case 'want':
    case 'evict':
    case 'remove': {
      const id = vmId(step.which + 1);
      const place = server.placeOf(id);
      const wanted = specs[step.which] ?? spec();
      if (place === undefined) {
        // While it is on its way elsewhere there is nothing to be wanted of it.
        const leaves = [...server.wanted.values()].some((vm) => vm.id === id && vm.want.kind === 'evict');
        if (step.kind === 'want' && !leaves) server.place(id, wanted, step.want);
        return;
      }
      const want = step.kind === 'want' ? step.want : ({ kind: step.kind } as const);
      server.want(id, place.fenceToken, wanted, want);
      return;
    }
    case 'crash':
      world.crash();
      world.run(step.downUs);
      world.start();
      return;
    case 'cut':
    case 'heal':
      world.cutOff = step.kind === 'cut';
      return;
    case 'lose':
      world.lossPercent = step.percent;
      return;
    case 'failActs':
      world.hypervisor.failing += step.count;
      return;
    case 'guestEnds': {
      const process = world.hypervisor.of(vmId(step.which + 1));
      if (process?.state === 'running') world.endGuest(process, step.cause);
      return;
    }
    case 'giveUp':
      world.server.giveUp(world.nowUs);
      return;
    case 'disobey':
      world.hypervisor.obedient = step.obedient;
      return;
  }
}

function actualOf(world: World, { id, fenceToken }: DesiredVm): string {
  const process = world.hypervisor.of(id);
  if (process === undefined) return 'none';
  return process.instance.fenceToken === fenceToken ? process.state : 'of another token';
}

/** What is there when all is done, given that a guest may have ended for good. */
function expectedOf(world: World, wanted: DesiredVm): readonly string[] {
  if (wanted.want.kind !== 'run' || wanted.want.runState === 'stopped') return ['none'];
  const report = world.server.reported.get(vmKey(wanted.id, wanted.fenceToken));
  const ended = report?.state === 'stopped' || report?.state === 'failed';
  const policy = wanted.spec.restartPolicy;
  // What the policy leaves ended is told to have, for a cause that the policy leaves.
  const mayEnd =
    (policy === 'never' && report?.cause !== 'lease-lost' && report?.cause !== 'launch-failed') ||
    (policy === 'on-failure' && report?.cause === 'guest-shutdown');
  return ended && mayEnd ? ['none'] : [wanted.want.runState];
}

test('whatever fails, is lost or comes late, the node comes to what is wanted, and never runs what it must not', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 1_000_000 }),
      fc.array(fc.tuple(wait, command), { maxLength: 60, size: 'max' }),
      (seed, commands) => {
        const world = new World(seed);
        specs.forEach((wanted, at) => world.server.place(vmId(at + 1), wanted, run));
        for (const [us, step] of commands) {
          world.run(us);
          obey(world, step);
          expect([...world.violations, ...world.hypervisor.violations]).toEqual([]);
        }
        world.cutOff = false;
        world.lossPercent = 0;
        world.hypervisor.failing = 0;
        world.run(900_000_000);
        expect([...world.violations, ...world.hypervisor.violations, ...world.server.violations]).toEqual([]);
        for (const wanted of world.server.wanted.values())
          expect(expectedOf(world, wanted)).toContain(actualOf(world, wanted));
        const places = new Set([...world.server.wanted.values()].map(({ id }) => id));
        for (const { instance } of world.hypervisor.processes.values())
          expect(places.has(instance.vm)).toBe(true);
        for (const { vm, fenceToken } of world.hypervisor.files.values())
          expect(world.server.wanted.has(vmKey(vm, fenceToken))).toBe(true);
      },
    ),
    { numRuns: 80 },
  );
});
