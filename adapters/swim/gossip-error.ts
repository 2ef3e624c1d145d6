/**
 * `NOT_BOUND`: the address to listen on could not be had. `BROKEN`: the machine has stopped, since an invariant did not hold, or
 * the socket has.
 */
export type GossipErrorCode = 'NOT_BOUND' | 'BROKEN';

/** Why there is no gossip. A member goes on without: it is no part of consensus. */
export class GossipError extends Error {
  override readonly name = 'GossipError';
  readonly code: GossipErrorCode;

  constructor(code: GossipErrorCode, message: string, cause?: unknown) {
    super(message, { cause });
    this.code = code;
  }
}
