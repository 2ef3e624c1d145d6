import { Client, type ClientReadableStream, Metadata, type ServiceError } from '@grpc/grpc-js';

import { type Address, formatAddress } from '../config/address.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { type ClientCredentials, security } from './client.ts';
import { ClientSession, type ClientUser } from './client-session.ts';
import { decodeOrRefuse } from './decode.ts';
import { snapshotPath, SnapshotRequest, SnapshotResponse } from './maintenance-messages.ts';
import { statusName } from './status.ts';

export interface DownloadOptions {
  readonly stallMs: number;
  /** Undefined: in the clear. */
  readonly tls: ClientCredentials | undefined;
  /** Undefined: nobody, or whoever the certificate says. */
  readonly user: ClientUser | undefined;
}

/** A snapshot did not come, or not all of it. */
export class DownloadError extends Error {
  override readonly name = 'DownloadError';
}

/**
 * What a member streams as its snapshot, piece by piece; the next is asked for when the one before was taken.
 *
 * @param options.stallMs given up when nothing comes for so long
 * @throws DownloadError saying why it ended before its end
 */
export async function* downloadSnapshot(
  endpoint: Address,
  { stallMs, tls, user }: DownloadOptions,
): AsyncGenerator<SnapshotResponse, void, undefined> {
  const client = new Client(formatAddress(endpoint), ...security(endpoint, tls));
  try {
    const metadata = user === undefined ? new Metadata() : await shownBy(user, client, endpoint, stallMs);
    yield* pieces(client, endpoint, metadata, stallMs);
  } finally {
    client.close();
  }
}

/** @throws DownloadError when the password proves nothing */
async function shownBy(
  user: ClientUser,
  client: Client,
  endpoint: Address,
  timeoutMs: number,
): Promise<Metadata> {
  const outcome = await new ClientSession(user, timeoutMs).token(client);
  if ('error' in outcome) throw noSnapshot(endpoint, outcome.error);
  const metadata = new Metadata();
  if (outcome.token !== undefined) metadata.set('token', outcome.token);
  return metadata;
}

async function* pieces(
  client: Client,
  endpoint: Address,
  metadata: Metadata,
  stallMs: number,
): AsyncGenerator<SnapshotResponse, void, undefined> {
  const request = SnapshotRequest.encode(SnapshotRequest.create());
  const call: ClientReadableStream<Uint8Array> = client.makeServerStreamRequest(
    snapshotPath,
    bufferOf,
    bytesOf,
    request,
    metadata,
  );
  let isStalled = false;
  const stalled = (): void => {
    isStalled = true;
    call.cancel();
  };
  let timer = setTimeout(stalled, stallMs);
  try {
    for await (const bytes of call) {
      clearTimeout(timer);
      yield decodeOrRefuse(SnapshotResponse, bytes as Uint8Array);
      timer = setTimeout(stalled, stallMs);
    }
  } catch (error) {
    throw noSnapshot(
      endpoint,
      error as ServiceError,
      isStalled ? `nothing came for ${stallMs / 1_000} s` : undefined,
    );
  } finally {
    clearTimeout(timer);
    call.cancel();
  }
}

function noSnapshot(endpoint: Address, error: ServiceError, known?: string): DownloadError {
  const reason = known ?? `${statusName(error.code)}: ${error.details}`;
  return new DownloadError(`${formatAddress(endpoint)} gives no snapshot: ${reason}`, { cause: error });
}
