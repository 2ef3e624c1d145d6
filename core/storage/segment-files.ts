/**
 * The segment-file port: append-only files that Raft logs and partition logs are written to.
 *
 * `append` is visible to the next `read`, and durable only once a `sync` that began after it has ended well. A crash
 * keeps what was synced, and any torn subset of the sectors that were not. Names are flat, `[A-Za-z0-9._-]+(/…)*` with
 * zero-padded numbers, so that name order is age order.
 *
 * `read`, `list`, `truncate` and `remove` are lent to machines (the last two during recovery only); `append`, `cut` and
 * `sync` are for runners.
 */
export interface SegmentReader {
  /** Every file whose name begins with `prefix`, in name order. */
  list(prefix: string): readonly SegmentFile[];
  /**
   * Up to `lengthBytes` bytes at `positionBytes`: fewer at the end of the file, none behind it.
   *
   * @throws UnreadableError when the disk cannot read some of them; another attempt may do better, and a part of them too
   */
  read(file: string, positionBytes: number, lengthBytes: number): Uint8Array;
}

export interface SegmentRepair extends SegmentReader {
  /**
   * Cuts the file to this length, which may be the one it has. On return the cut, the file's name and every byte that
   * is left are durable, also those that were never synced before.
   *
   * @param doubtfulFromBytes from here on the bytes may only seem to be on the disk: after a failed sync the system may
   *   take pages for clean that were never written, so the implementation writes them again. Default: none.
   * @throws UnreadableError when the doubtful bytes cannot be read
   */
  truncate(file: string, lengthBytes: number, doubtfulFromBytes?: number): void;
  /** Removes the file, if there is one; durable on return. */
  remove(file: string): void;
}

export interface SegmentFiles extends SegmentRepair {
  append(file: string, bytes: Uint8Array): void;
  /**
   * Takes back what lies at `lengthBytes` or behind it, at any time: also while a sync is under way, and what was never synced.
   * On return no crash shows it again, and the next append goes where it lay. What is left is as durable as it was. A cut to
   * 0 removes the file, if there is one.
   */
  cut(file: string, lengthBytes: number): void;
  /**
   * Makes every append so far durable, in every file, directory entries included; then calls back once. Not called again
   * while one is under way. After a failure nothing may be assumed of what was appended, and the process must stop. An
   * append that found no room or a disk that cannot write shows here, or where it was made, by a throw.
   */
  sync(onEnd: (failure: string | undefined) => void): void;
}

export interface SegmentFile {
  readonly file: string;
  readonly lengthBytes: number;
}

/** Bytes that somebody else is to read, named rather than copied. */
export interface FileSlice {
  readonly file: string;
  readonly positionBytes: number;
  readonly lengthBytes: number;
}
