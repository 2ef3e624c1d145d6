import { type VmReport } from '../agent-protocol.ts';

interface Told {
  readonly report: VmReport;
  /** The report as text: what differs is news. */
  readonly text: string;
  acknowledged: boolean;
}

/**
 * What servers have been told of each virtual machine. The newest is told again until a server has acknowledged it; what was
 * in between need not be told.
 */
export class Reporter {
  readonly #told = new Map<string, Told>();
  /** What the report under way carries, by key. */
  #underWay = new Map<string, Told>();
  #sequence = 0;

  /** It is so now. */
  note(key: string, report: VmReport): void {
    const text = JSON.stringify(report);
    if (this.#told.get(key)?.text === text) return;
    // To the end of the line: what changes all the time keeps nobody else from being told of.
    this.#told.delete(key);
    this.#told.set(key, { report, text, acknowledged: false });
  }

  forget(key: string): void {
    this.#told.delete(key);
  }

  /** The newest that is to be told of it has been acknowledged. */
  acknowledged(key: string): boolean {
    return this.#told.get(key)?.acknowledged ?? true;
  }

  /** Another epoch: servers are told all again. */
  repeatAll(): void {
    this.#underWay = new Map();
    for (const told of this.#told.values()) told.acknowledged = false;
  }

  get due(): boolean {
    for (const told of this.#told.values()) if (!told.acknowledged) return true;
    return false;
  }

  /** The next report; whoever takes it calls `taken` when it has been acknowledged. */
  next(vmsMax: number): { readonly sequence: number; readonly vms: readonly VmReport[] } {
    this.#sequence += 1;
    this.#underWay = new Map();
    const vms: VmReport[] = [];
    for (const [key, told] of this.#told) {
      if (told.acknowledged) continue;
      if (vms.length === vmsMax) break;
      this.#underWay.set(key, told);
      vms.push(told.report);
    }
    return { sequence: this.#sequence, vms };
  }

  /** The report of that number has been acknowledged; what has changed since it left is still to be told. */
  taken(sequence: number): void {
    if (sequence !== this.#sequence) return;
    for (const told of this.#underWay.values()) told.acknowledged = true;
    this.#underWay = new Map();
  }
}
