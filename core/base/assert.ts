/** A broken invariant: the program is wrong, not its input. The node stops, since wrong is worse than down. */
export class InvariantError extends Error {
  override readonly name = 'InvariantError';
}

/** States one invariant. Stays on in production. */
export function assert(condition: boolean, invariant: string): asserts condition {
  if (!condition) throw new InvariantError(invariant);
}

/** Narrows away `undefined` and `null` where an invariant says that they cannot be. */
export function present<T>(value: T | undefined | null, invariant: string): T {
  if (value === undefined || value === null) throw new InvariantError(invariant);
  return value;
}

/** Ends a `switch` over a union: the compiler proves that it is never reached, the throw keeps it so at run time. */
export function unreachable(value: never): never {
  throw new InvariantError(`unreachable: ${JSON.stringify(value)}`);
}
