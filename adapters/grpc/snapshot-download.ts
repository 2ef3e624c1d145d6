import { Client, type ClientReadableStream, type ServiceError } from '@grpc/grpc-js';

import { type Address, formatAddress } from '../config/address.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { type ClientCredentials, security } from './client.ts';
import { decodeOrRefuse } from './decode.ts';
import { snapshotPath, SnapshotRequest, SnapshotResponse } from './maintenance-messages.ts';
import { statusName } from './status.ts';

export interface DownloadOptions {
  readonly stallMs: number;
  /** Undefined: in the clear. */
  readonly tls: ClientCredentials | undefined;
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
  { stallMs, tls }: DownloadOptions,
): AsyncGenerator<SnapshotResponse, void, undefined> {
  const client = new Client(formatAddress(endpoint), ...security(endpoint, tls));
  const request = SnapshotRequest.encode(SnapshotRequest.create());
  const call: ClientReadableStream<Uint8Array> = client.makeServerStreamRequest(
    snapshotPath,
    bufferOf,
    bytesOf,
    request,
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
    const { code, details } = error as ServiceError;
    const reason = isStalled ? `nothing came for ${stallMs / 1_000} s` : `${statusName(code)}: ${details}`;
    throw new DownloadError(`${formatAddress(endpoint)} gives no snapshot: ${reason}`, { cause: error });
  } finally {
    clearTimeout(timer);
    call.cancel();
    client.close();
  }
}
