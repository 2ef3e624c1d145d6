import { Client, Metadata, type ServiceError } from '@grpc/grpc-js';

import {
  type StorageRefusalCode,
  storageRefusalCodes,
  type StorageRequest,
  type StorageResponse,
} from '../../core/plasma/storage-protocol.ts';
import { storageMethods } from '../../core/plasma/wire/storage.ts';
import { type Address, formatAddress } from '../config/address.ts';
import { bufferOf, bytesOf } from './buffers.ts';
import { type ClientCredentials, security } from './client.ts';
import { refusalTrailer } from './errors.ts';
import { newestTokenTrailer } from './services/plasma-storage.ts';
import { statusName } from './status.ts';

export interface StorageClientOptions {
  readonly address: Address;
  /** Absent: plain text. */
  readonly tls?: ClientCredentials | undefined;
}

/** Asks a storage node. A request whose outcome is not known rejects; all of them may be asked again. */
export class PlasmaStorageClient {
  readonly #channel: Client;

  constructor({ address, tls }: StorageClientOptions) {
    this.#channel = new Client(formatAddress(address), ...security(address, tls));
  }

  /** Refusals of the storage node are answers. @throws Error (as a rejection) when no answer came in time */
  request(request: StorageRequest, timeoutUs: number): Promise<StorageResponse> {
    const method = storageMethods[request.kind];
    return new Promise((resolve, reject) => {
      this.#channel.makeUnaryRequest(
        method.path,
        bufferOf,
        bytesOf,
        method.request.encode(request),
        new Metadata(),
        { deadline: Date.now() + Math.ceil(timeoutUs / 1_000) },
        (error, bytes) => {
          if (error !== null) {
            const refusal = refusalOf(error);
            if (refusal === undefined)
              reject(new Error(`${statusName(error.code)}: ${error.details}`, { cause: error }));
            else resolve(refusal);
            return;
          }
          try {
            resolve(method.response.decode(bytes ?? new Uint8Array(0)));
          } catch (malformed) {
            reject(malformed as Error);
          }
        },
      );
    });
  }

  close(): void {
    this.#channel.close();
  }
}

/** Undefined: the storage node itself has said nothing. */
function refusalOf(error: ServiceError): StorageResponse | undefined {
  const named = error.metadata.get(refusalTrailer)[0]?.toString();
  const code = storageRefusalCodes.find((known): known is StorageRefusalCode => known === named);
  if (code === undefined) return undefined;
  const newest = Number(error.metadata.get(newestTokenTrailer)[0]?.toString());
  return {
    kind: 'refused',
    code,
    message: error.details,
    newest: Number.isSafeInteger(newest) ? newest : undefined,
  };
}
