/**
 * The disk cannot read a part of a file: now, or never again. What a step meets ends the process, since nobody knows what
 * was there; the next start reads everything, tries again, and treats as damage what still cannot be read.
 */
export class UnreadableError extends Error {
  override readonly name = 'UnreadableError';
}

/**
 * A batch that was durable is not what was written. The process ends: its log is not what it was taken for. The next start
 * finds the damage as any other.
 */
export class DamagedBatchError extends Error {
  override readonly name = 'DamagedBatchError';
}
