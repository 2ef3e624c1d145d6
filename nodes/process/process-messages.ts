/** What a process tells the process that started it, over Node's IPC channel, when there is one. */
export type ProcessMessage =
  /** It listens on all its ports. */
  | { readonly kind: 'listening' }
  /** It knows a leader: requests are served. Sent once. */
  | { readonly kind: 'ready' };

export function isProcessMessage(value: unknown): value is ProcessMessage {
  const kind = (value as { kind?: unknown } | null)?.kind;
  return kind === 'listening' || kind === 'ready';
}

export function tellParent(message: ProcessMessage): void {
  if (process.connected !== true) return;
  // A parent that went a moment ago: `disconnect` follows and stops this process in order. Without somebody to take it,
  // the failure would end it here.
  process.send?.(message, undefined, undefined, () => undefined);
}
