import { unreachable } from '../../core/base/assert.ts';
import { type FoundInstance, type HypervisorAct } from '../../core/plasma/hypervisor.ts';
import { type Digest, type FenceToken, type InstanceId, type VmId } from '../../core/plasma/types.ts';
import { type GuestProcess } from './guest-process.ts';
import { type MachineState } from './machine-state.ts';
import { sendState, tellStopped } from './migration.ts';

export type Outcome =
  | { readonly kind: 'done' }
  | { readonly kind: 'failed'; readonly message: string }
  | { readonly kind: 'launched'; readonly instance: InstanceId; readonly incomingUri: string | undefined }
  | {
      readonly kind: 'inventoried';
      readonly instances: readonly FoundInstance[];
      readonly files: readonly { readonly vm: VmId; readonly fenceToken: FenceToken }[];
      readonly images: readonly Digest[];
    };

export interface ActContext {
  readonly machine: MachineState;
  /** Whether the agent that asked for it lives: what it was about to do is not done once it is dead. */
  readonly lives: () => boolean;
  readonly answer: (outcome: Outcome) => void;
}

type ActOf<Kind extends HypervisorAct['kind']> = Extract<HypervisorAct, { readonly kind: Kind }>;
type ControlAct = ActOf<'pause' | 'resume' | 'powerDown' | 'migrateOut' | 'handOver' | 'cancelMigration'>;

const done = { kind: 'done' } as const;
const onItsWay = 'it is on its way to another node';
const waitsForState = 'it waits for its state';
const guestEnded = 'its guest has ended';

/** Takes the time that it takes, and answers once, unless the agent ends before. */
export function carryOut(act: HypervisorAct, context: ActContext): void {
  switch (act.kind) {
    case 'inventory':
      return later(context, 1_000, 30_000, () => context.answer(inventory(context.machine)));
    case 'prepare':
      return later(context, 2_000, 60_000, () =>
        withImages(act, context, () => context.answer(prepare(act, context.machine))),
      );
    case 'launch':
      return launch(act, context);
    case 'kill':
      return untilGone(act.instance, context);
    case 'pause':
    case 'resume':
    case 'powerDown':
    case 'migrateOut':
    case 'handOver':
    case 'cancelMigration':
      return withProcess(act.instance, context, 300, 6_000, (process) => control(act, process, context));
    case 'snapshot':
    case 'restore':
    case 'deleteSnapshot':
      return withProcess(act.instance, context, 20_000, 400_000, (process) =>
        context.answer(snapshots(act, process, context.machine)),
      );
    case 'attachDisk':
    case 'resizeDisk':
      return withProcess(act.instance, context, 2_000, 50_000, (process) =>
        context.answer(disks(act, process)),
      );
    case 'remove':
      return later(context, 1_000, 20_000, () => context.answer(remove(act, context.machine)));
    default:
      unreachable(act);
  }
}

/** A guest that has shut down stays, standing, until an agent is there that hears why it ended. */
export function endOfGuest(machine: MachineState, process: GuestProcess): void {
  machine.later(machine.delayUs(1_000, 20_000), () => {
    if (machine.listener?.knows(process) === true) machine.end(process, 'guest-shutdown');
  });
}

function filesKey(vm: VmId, fenceToken: FenceToken): string {
  return `${vm}.${fenceToken}`;
}

function failed(message: string): Outcome {
  return { kind: 'failed', message };
}

function later({ machine, lives }: ActContext, fromUs: number, toUs: number, go: () => void): void {
  machine.later(machine.delayUs(fromUs, toUs), () => {
    if (lives()) go();
  });
}

/** Asks the process itself: a frozen one answers when it is thawed, and a dead one never. */
function withProcess(
  instance: InstanceId,
  context: ActContext,
  fromUs: number,
  toUs: number,
  go: (process: GuestProcess) => void,
): void {
  later(context, fromUs, toUs, () => {
    const process = context.machine.find(instance);
    if (process === undefined) context.answer(failed('there is no such process any more'));
    else if (process.frozen) withProcess(instance, context, 20_000, 50_000, go);
    else go(process);
  });
}

function inventory(machine: MachineState): Outcome {
  for (const process of machine.processes) if (process.shutDown) endOfGuest(machine, process);
  return {
    kind: 'inventoried',
    instances: machine.processes.map(({ instance, state, incomingUri }) => ({
      instance,
      state,
      incomingUri,
    })),
    files: [...machine.files.values()].map(({ vm, fenceToken }) => ({ vm, fenceToken })),
    images: machine.images.digests,
  };
}

/** One after the other: a node fetches what it lacks. */
function withImages(act: ActOf<'prepare'>, context: ActContext, go: () => void): void {
  const { machine, lives, answer } = context;
  const next = (at: number): void => {
    const disk = act.spec.disks[at];
    if (disk === undefined) return go();
    if (disk.image === undefined) return next(at + 1);
    machine.fetches.need(disk.image, (failure) => {
      if (!lives()) return;
      if (failure === undefined) next(at + 1);
      else answer(failed(failure));
    });
  };
  next(0);
}

function prepare(act: ActOf<'prepare'>, machine: MachineState): Outcome {
  const lacking = lackingExport(act);
  if (lacking !== undefined) return failed(lacking);
  const key = filesKey(act.vm, act.fenceToken);
  if (!machine.files.has(key))
    machine.files.set(key, { vm: act.vm, fenceToken: act.fenceToken, snapshots: new Map() });
  return done;
}

function lackingExport({ spec, exports }: ActOf<'prepare' | 'launch'>): string | undefined {
  const lacking = spec.disks.find(({ kind, name }) => kind === 'shared' && exports[name] === undefined);
  return lacking && `nobody serves the shared disk ${lacking.name}`;
}

/** Its overlays are on top of them. */
function lackingImage({ spec }: ActOf<'launch'>, { images }: MachineState): string | undefined {
  const lacking = spec.disks.find(({ image }) => image !== undefined && images.whole(image) === undefined);
  return lacking && `the image of disk ${lacking.name} is not here`;
}

function launch(act: ActOf<'launch'>, context: ActContext): void {
  const { machine } = context;
  later(context, 500, 5_000, () => {
    const alive = machine.processes.find(({ instance }) => instance.vm === act.vm);
    if (alive !== undefined)
      return context.answer(failed(`${act.vm} is alive here, as ${alive.instance.pid}`));
    const lacking = lackingExport(act) ?? lackingImage(act, machine);
    if (lacking !== undefined) return context.answer(failed(lacking));
    if (!machine.files.has(filesKey(act.vm, act.fenceToken)))
      return context.answer(failed(`${act.vm} was not prepared under token ${act.fenceToken}`));
    const process = machine.spawn(act);
    process.runsOnArrival = !act.paused;
    // It stands until it is told to run: an agent that dies in between leaves one that stands.
    withProcess(process.instance, context, 50_000, 600_000, () => {
      if (!act.incoming && !act.paused) process.run();
      const { instance, incomingUri } = process;
      context.answer({ kind: 'launched', instance, incomingUri });
    });
  });
}

function untilGone(instance: InstanceId, context: ActContext): void {
  later(context, 500, 4_000, () => {
    if (context.machine.find(instance) !== undefined) untilGone(instance, context);
    // Behind the report that it has ended.
    else later(context, 8_000, 10_000, () => context.answer(done));
  });
}

function control(act: ControlAct, process: GuestProcess, context: ActContext): void {
  if (act.kind === 'handOver') {
    if (process.migration?.phase !== 'stopped')
      context.answer(failed('its guest was not stopped for a hand-over'));
    else handOver(process, process.migration.uri, context);
    return;
  }
  context.answer(controlled(act, process, context.machine));
}

function controlled(
  act: Exclude<ControlAct, ActOf<'handOver'>>,
  process: GuestProcess,
  machine: MachineState,
): Outcome {
  if (process.handedOver) return failed('it has been handed over');
  if (act.kind === 'cancelMigration') return cancelMigration(process, machine);
  if (process.incomingUri !== undefined) return failed(waitsForState);
  if (act.kind === 'powerDown') {
    powerDown(process, machine);
    return done;
  }
  if (act.kind === 'migrateOut' && process.migration?.uri === act.uri) {
    if (process.migration.phase === 'stopped') tellStopped(process, machine);
    return done;
  }
  if (process.migration !== undefined) return failed(onItsWay);
  switch (act.kind) {
    case 'pause':
      process.stand();
      return done;
    case 'resume':
      if (process.panicked || process.shutDown) return failed(guestEnded);
      process.run();
      return done;
    case 'migrateOut':
      return migrateOut(process, act.uri, machine);
  }
}

/** Most guests shut down when they are asked to, some when they like, some never. */
function powerDown(process: GuestProcess, machine: MachineState): void {
  if (process.hung || (machine.deafOneIn > 0 && machine.chance(1, machine.deafOneIn))) return;
  machine.later(machine.delayUs(100_000, 3_000_000), () => {
    if (!process.executing) return;
    process.does('shutdown');
    endOfGuest(machine, process);
  });
}

function migrateOut(process: GuestProcess, uri: string, machine: MachineState): Outcome {
  if (process.spec.disks.some(({ kind }) => kind === 'local'))
    return failed('its local disks cannot go to another node');
  if (process.panicked || process.shutDown) return failed(guestEnded);
  if (machine.reach(uri) === undefined) return failed(`nobody waits at ${uri}`);
  sendState(process, uri, machine);
  return done;
}

function cancelMigration(process: GuestProcess, machine: MachineState): Outcome {
  const { migration } = process;
  if (migration === undefined) return done;
  process.migration = undefined;
  machine.breakOff(migration.uri, 'the other side has given up');
  if (migration.wasRunning && !process.panicked && !process.shutDown) process.run();
  return done;
}

/** Whatever comes of it, it ends; the state gets there only whole. */
function handOver(process: GuestProcess, uri: string, context: ActContext): void {
  const { machine } = context;
  process.handedOver = true;
  machine.later(machine.delayUs(3_000, 40_000), () =>
    process.whenAwake(() => {
      const waiting = machine.reach(uri);
      if (waiting !== undefined) arrive(waiting.process, waiting.machine, process.tick);
      machine.end(process, waiting === undefined ? 'killed' : 'migrated');
    }),
  );
  untilGone(process.instance, context);
}

function arrive(process: GuestProcess, machine: MachineState, tick: number): void {
  process.incomingUri = undefined;
  process.tick = tick;
  machine.later(machine.delayUs(1_000, 30_000), () =>
    process.whenAwake(() => {
      // Nobody is there to let it run: it stands, and is found so.
      if (machine.listener === undefined) return;
      if (process.runsOnArrival) process.run();
      machine.listener.arrived(process);
    }),
  );
}

function snapshots(
  act: ActOf<'snapshot' | 'restore' | 'deleteSnapshot'>,
  process: GuestProcess,
  machine: MachineState,
): Outcome {
  const { vm, fenceToken } = process.instance;
  const kept = machine.files.get(filesKey(vm, fenceToken))?.snapshots;
  const { disks: all } = process.spec;
  if (process.incomingUri !== undefined) return failed(waitsForState);
  if (process.migration !== undefined) return failed(onItsWay);
  if (kept === undefined || all.length === 0) return failed('it has no local disk to keep a snapshot on');
  if (all.some(({ kind }) => kind === 'shared')) return failed('its shared disks would not be part of it');
  const at = kept.get(act.snapshot);
  if (act.kind === 'snapshot') {
    if (at !== undefined) return failed(`there is a snapshot ${act.snapshot}`);
    kept.set(act.snapshot, process.tick);
    return done;
  }
  if (at === undefined) return failed(`there is no snapshot ${act.snapshot}`);
  if (act.kind === 'restore') process.tick = at;
  else kept.delete(act.snapshot);
  return done;
}

function disks(act: ActOf<'attachDisk' | 'resizeDisk'>, process: GuestProcess): Outcome {
  const disk = act.spec.disks.find(({ name }) => name === act.disk);
  if (disk === undefined) return failed(`there is no disk ${act.disk} in its description`);
  if (process.incomingUri !== undefined) return failed(waitsForState);
  if (process.migration !== undefined) return failed(onItsWay);
  if (act.kind === 'resizeDisk')
    return disk.kind === 'shared' ? failed(`the size of ${disk.name} is its storage node's`) : done;
  if (disk.kind === 'local') return done;
  if (act.exportUri === undefined) return failed(`nobody serves the shared disk ${disk.name}`);
  process.exports.set(disk.name, act.exportUri);
  return done;
}

function remove({ vm, fenceToken }: ActOf<'remove'>, machine: MachineState): Outcome {
  const alive = machine.processes.some(
    ({ instance }) => instance.vm === vm && instance.fenceToken === fenceToken,
  );
  if (alive) return failed(`${vm} is alive under token ${fenceToken}`);
  machine.files.delete(filesKey(vm, fenceToken));
  return done;
}
