import { loadKeys } from '../keys.ts';
import { RunningSystem, type SystemKind } from '../systems.ts';
import { type Memory, memoryOf } from '../usage.ts';
import { makeDir, removeDir } from '../work-dir.ts';
import { type FullSettings } from './settings.ts';

/** A cluster with all its keys in it, and what it cost to get them there. */
export interface Loaded {
  readonly system: RunningSystem;
  readonly loadSeconds: number;
  /** Most that any member had while they were loaded. */
  readonly mostWhileLoading: Memory;
}

/** Where the parts of a run get their clusters: one with many keys that they share, fresh ones for the others. */
export class Stage {
  readonly kind: SystemKind;
  readonly settings: FullSettings;
  readonly #say: (text: string) => void;
  #loaded: (Loaded & { readonly dir: string }) | undefined;

  constructor(kind: SystemKind, settings: FullSettings, say: (text: string) => void) {
    this.kind = kind;
    this.settings = settings;
    this.#say = say;
  }

  say(text: string): void {
    this.#say(`${this.kind.name}: ${text}`);
  }

  /** The shared cluster; loaded the first time. */
  async loaded(): Promise<Loaded & { readonly dir: string }> {
    if (this.#loaded !== undefined) return this.#loaded;
    const dir = makeDir(this.settings.dir);
    this.say(`loading ${this.settings.keys} keys`);
    const system = await RunningSystem.start(this.kind, dir);
    const most = new MemoryWatch(system);
    const loadSeconds = await loadKeys(system, this.settings.keys);
    this.#loaded = { system, dir, loadSeconds, mostWhileLoading: most.stop() };
    return this.#loaded;
  }

  /** The shared cluster is not wanted any more. */
  async unload(): Promise<void> {
    const loaded = this.#loaded;
    this.#loaded = undefined;
    if (loaded === undefined) return;
    await loaded.system.stopMembers('SIGKILL');
    removeDir(loaded.dir);
  }

  /** A cluster for one part alone, gone behind it. */
  async withFresh<Result>(use: (system: RunningSystem, dir: string) => Promise<Result>): Promise<Result> {
    const dir = makeDir(this.settings.dir);
    const system = await RunningSystem.start(this.kind, dir);
    try {
      return await use(system, dir);
    } finally {
      await system.stopMembers('SIGKILL');
      removeDir(dir);
    }
  }
}

/** The most that any member of a cluster has of memory, looked at every 50 ms. */
export class MemoryWatch {
  readonly #system: RunningSystem;
  readonly #timer: NodeJS.Timeout;
  #most: Memory;

  constructor(system: RunningSystem) {
    this.#system = system;
    this.#most = largestMemory(system);
    this.#timer = setInterval(() => this.#look(), 50);
  }

  stop(): Memory {
    clearInterval(this.#timer);
    this.#look();
    return this.#most;
  }

  #look(): void {
    this.#most = larger(this.#most, largestMemory(this.#system));
  }
}

/** Of the member that has most. */
export function largestMemory(system: RunningSystem): Memory {
  return system.members.map(({ pid }) => memoryOf(pid)).reduce(larger);
}

function larger(left: Memory, right: Memory): Memory {
  return {
    rssAnonBytes: Math.max(left.rssAnonBytes, right.rssAnonBytes),
    rssFileBytes: Math.max(left.rssFileBytes, right.rssFileBytes),
  };
}
