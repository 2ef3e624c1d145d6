import { Violation } from '../../types.ts';
import { type SwimChecker, type SwimGroup, type SwimStep } from '../checker.ts';

/**
 * Convergence: when everything is healed, and `convergenceUs` later, every member that runs holds exactly those for members that
 * run, alive, under what they say of themselves. And what a member's owner was told, change by change, adds up to what it holds.
 *
 * Not verified: how soon before that.
 */
export class SwimConvergence implements SwimChecker {
  readonly name = 'swim-convergence';
  /** Live others by what their owner was told, of the boot that is named. */
  readonly #told = new Map<string, { boot: number; readonly live: Set<string> }>();

  onStep({ process, machine, effects }: SwimStep): void {
    let told = this.#told.get(process.name);
    if (told?.boot !== process.boot) {
      told = { boot: process.boot, live: new Set() };
      this.#told.set(process.name, told);
    }
    let changed = false;
    for (const effect of effects) {
      if (effect.kind !== 'memberChanged') continue;
      changed = true;
      if (effect.change === 'joined') told.live.add(effect.member.name);
      if (effect.change === 'died' || effect.change === 'left') told.live.delete(effect.member.name);
    }
    if (!changed) return;
    const held = machine.live.map(({ name }) => name).filter((name) => name !== process.name);
    const { live } = told;
    if (held.length === live.size && held.every((name) => live.has(name))) return;
    throw new Violation(
      this.name,
      `${process.name} holds ${held.join(', ')}, where it has told of ${[...live].join(', ')}`,
    );
  }

  onEnd(group: SwimGroup): void {
    const running = group.processes.flatMap(({ machine }) => machine ?? []);
    const expected = running.map(({ self }) => describe(self)).toSorted(compare);
    for (const machine of running) {
      const held = machine.live.map(describe).toSorted(compare);
      if (held.join() === expected.join()) continue;
      throw new Violation(
        this.name,
        `${machine.self.name} holds ${held.join(', ')}, where ${expected.join(', ')} run`,
      );
    }
  }
}

function describe(record: SwimRecord): string {
  return `${record.name} ${record.state}@${record.incarnation} ${record.clientAddress}`;
}

interface SwimRecord {
  readonly name: string;
  readonly state: string;
  readonly incarnation: number;
  readonly clientAddress: string;
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
