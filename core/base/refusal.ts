/** A refusal is data. `code` comes from one closed list per system; adapters map it to the protocol's own errors. */
export interface Refused<Code extends string> {
  readonly kind: 'refused';
  readonly code: Code;
  /** What was wrong and what is allowed, for a human; for etcd's own refusals the exact text that clients match on. */
  readonly message: string;
}

export function refused<Code extends string>(code: Code, message: string): Refused<Code> {
  return { kind: 'refused', code, message };
}
