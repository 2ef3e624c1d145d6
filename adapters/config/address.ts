/** Where something listens. `host` is a name, an IPv4 address or an IPv6 address without brackets. */
export interface Address {
  readonly host: string;
  /** 0 asks the system for a free port when listening. */
  readonly port: number;
}

/** `host:port`, an IPv6 host in brackets. */
export function formatAddress(address: Address): string {
  const host = address.host.includes(':') ? `[${address.host}]` : address.host;
  return `${host}:${address.port}`;
}

/** Undefined when the text is not `host:port`. A scheme is accepted and dropped: `http://127.0.0.1:2379`. */
export function parseAddress(text: string): Address | undefined {
  const match = /^(?:https?:\/\/)?(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+)):([0-9]{1,5})\/?$/.exec(
    text.trim(),
  );
  if (match === null) return undefined;
  const host = match[1] ?? match[2];
  const port = Number(match[3]);
  if (host === undefined || port > 65_535) return undefined;
  return { host, port };
}
