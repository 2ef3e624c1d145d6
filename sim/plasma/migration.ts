import { type GuestProcess, type OutgoingMigration } from './guest-process.ts';
import { type MachineState } from './machine-state.ts';

/** The memory goes over while the guest runs; then it stands, and the rest waits for the hand-over. */
export function sendState(process: GuestProcess, uri: string, machine: MachineState): void {
  const migration: OutgoingMigration = {
    uri,
    wasRunning: process.running,
    phase: 'sending',
  };
  process.migration = migration;
  const pieces = machine.delayUs(2, 8);
  const send = (left: number): void =>
    machine.later(machine.delayUs(20_000, 300_000), () =>
      process.whenAwake(() => {
        if (process.migration !== migration) return;
        const waiting = machine.reach(uri);
        // Of a guest that has ended there is nothing to go on with elsewhere.
        if (waiting === undefined || process.panicked || process.shutDown) {
          fail(process, uri, machine);
          return;
        }
        if (left > 0) {
          send(left - 1);
          return;
        }
        process.stand();
        migration.phase = 'stopped';
        tellStopped(process, machine);
      }),
    );
  send(pieces);
}

export function tellStopped(process: GuestProcess, machine: MachineState): void {
  const { migration } = process;
  machine.later(machine.delayUs(500, 5_000), () => {
    if (process.ended === undefined && process.migration === migration) machine.listener?.stopped(process);
  });
}

/** Before the stop the guest has never stood still: it goes on as if nothing had been. */
function fail(process: GuestProcess, uri: string, machine: MachineState): void {
  process.migration = undefined;
  machine.breakOff(uri, 'the connection is broken');
  machine.later(machine.delayUs(500, 5_000), () => {
    if (process.ended === undefined)
      machine.listener?.migrationFailed(process, `the state does not get to ${uri}`);
  });
}
