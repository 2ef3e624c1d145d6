import { type NodeId } from '../core/base/ids.ts';

/** A process, as far as its watchers need to know it. */
export interface WatchedProcess {
  readonly node: NodeId;
  /** Counts starts, from 1. */
  readonly boot: number;
  /** What its own clock shows. */
  readonly nowUs: number;
}

/** Told what happens in processes. */
export interface ProcessWatcher<Event> {
  /** It will be stepped with this event, unless it ends before. */
  queued(process: WatchedProcess, event: Event): void;
  /** Its machine threw: nothing came of the event. */
  failed(process: WatchedProcess, event: Event): void;
  paused(process: WatchedProcess): void;
  resumed(process: WatchedProcess): void;
}
