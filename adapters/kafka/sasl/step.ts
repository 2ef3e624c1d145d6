export type SaslStep =
  /** The client has more to say. */
  | { readonly kind: 'continued'; readonly token: Uint8Array }
  | { readonly kind: 'authenticated'; readonly token: Uint8Array; readonly user: string }
  /** The end of the connection. What the client is told says nothing of which part was wrong. */
  | { readonly kind: 'refused'; readonly reason: string };

/** One client's proof of who it is. */
export interface SaslExchange {
  /** To be called with one token after the other, each once the step before has come. */
  next(token: Uint8Array): Promise<SaslStep>;
}
