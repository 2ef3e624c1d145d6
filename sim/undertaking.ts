/** Something that a simulated user has begun beside its single calls, and that goes on for a while. */
export interface Undertaking {
  /** When it wants to be ticked; `Infinity`: it waits for something else. */
  readonly deadlineUs: number;
  /** Nothing will come of it any more. */
  readonly over: boolean;
  /** After `stop`: nobody has to wait for it. */
  readonly settled: boolean;
  tick(): void;
  /** The client's process is gone: nothing is told any more, and nothing may be done. */
  vanish(): void;
  /** Begins nothing new; what it has begun ends. */
  stop(): void;
}
