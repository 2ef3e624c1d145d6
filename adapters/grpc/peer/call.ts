import { type ChannelOptions, Client, type ClientDuplexStream, credentials, Metadata } from '@grpc/grpc-js';

import { type Address, formatAddress } from '../../config/address.ts';
import { bufferOf, bytesOf } from '../buffers.ts';
import { statusName } from '../status.ts';

/** The client side of duplex calls, for peers: the only file of `peer/` that knows the library. */
export type PeerCall = ClientDuplexStream<Uint8Array, Uint8Array>;

/** Reconnects quickly: a peer that restarts must be heard again within an election time-out. */
const channelOptions: ChannelOptions = {
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 500,
  'grpc.keepalive_time_ms': 3_000,
  'grpc.keepalive_timeout_ms': 3_000,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': -1,
  'grpc.max_send_message_length': -1,
  'grpc.enable_retries': 0,
  // Each peer has a connection of its own, even where several nodes share a process.
  'grpc.use_local_subchannel_pool': 1,
  'grpc.enable_http_proxy': 0,
};

export class PeerClient {
  readonly #client: Client;

  constructor(address: Address) {
    this.#client = new Client(formatAddress(address), credentials.createInsecure(), channelOptions);
  }

  open(path: string, metadata: Readonly<Record<string, string>>): PeerCall {
    const sent = new Metadata();
    for (const [name, value] of Object.entries(metadata)) sent.set(name, value);
    return this.#client.makeBidiStreamRequest(path, bufferOf, bytesOf, sent);
  }

  close(): void {
    this.#client.close();
  }
}

/** What ended a call, for logs: `UNAVAILABLE: connection refused`. */
export function describeCallError(error: unknown): string {
  const { code, details, message } = error as { code?: unknown; details?: unknown; message?: unknown };
  if (typeof code === 'number') return `${statusName(code)}: ${String(details ?? message)}`;
  return String(message ?? error);
}
