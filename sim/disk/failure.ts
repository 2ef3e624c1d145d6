/** Why a process ended by itself: its disk failed it. */
export type DiskFailure =
  /** An append did not fit. */
  | 'full'
  /** An append was not taken. */
  | 'append'
  | 'sync'
  /** Something could not be read. */
  | 'read'
  /** Something was read that is not what was written. */
  | 'damage'
  /** The ordered store could not be written. */
  | 'flush'
  /** The process finds that its newest promises cannot be established: it starts never again. */
  | 'promises';

/** An append did not reach the file, or only a part of it did. The process must stop. */
export class AppendFailed extends Error {
  override readonly name = 'AppendFailed';
  readonly failure: 'full' | 'append';

  constructor(failure: 'full' | 'append', file: string) {
    super(failure === 'full' ? `ENOSPC: no space left on device, ${file}` : `EIO: i/o error, write ${file}`);
    this.failure = failure;
  }
}

/** The ordered store could not take over a snapshot: there is no room. Its content is as it was; the process must stop. */
export class InstallFailed extends Error {
  override readonly name = 'InstallFailed';
}
