import { type SegmentFiles } from '../../core/storage/segment-files.ts';

/** An implementation under test, empty at first. */
export interface SegmentFilesSubject {
  readonly files: SegmentFiles;
  /** Resolves when time enough has passed for a sync to end. Called until the sync has ended. */
  wait(): Promise<void>;
  /** The process ends and starts again on a machine that keeps running. Absent where nothing outlives the object. */
  reopen?(): SegmentFiles;
  /** The machine loses its power and comes back: what was not durable may be gone. Absent where that cannot be had. */
  cutPower?(): SegmentFiles;
  /** A sector of 512 bytes, which was synced, can never be read again. Absent where that cannot be had. */
  makeUnreadable?(file: string, sector: number): void;
  close(): void;
}

export type Start = () => SegmentFilesSubject;

/** Starts a sync and resolves at its end; rejects when it failed. */
export async function synced(files: SegmentFiles, wait: () => Promise<void>): Promise<void> {
  let ended = false;
  let why: string | undefined;
  files.sync((failure) => {
    ended = true;
    why = failure;
  });
  while (!ended) await wait();
  if (why !== undefined) throw new Error(why);
}

export function text(files: SegmentFiles, file: string): string {
  return string(files.read(file, 0, 1_000_000));
}

export function bytes(value: string): Uint8Array {
  return new TextEncoder().encode(value);
}

export function string(value: Uint8Array): string {
  return new TextDecoder().decode(value);
}
