import { type Authorizer } from '../../../core/plasma/authorizer.ts';
import {
  type StorageRefusalCode,
  type StorageRequest,
  type StorageResponse,
} from '../../../core/plasma/storage-protocol.ts';
import { storageMethods, storageServiceName } from '../../../core/plasma/wire/storage.ts';
import { type CancelSignal } from '../../runner/cancellation.ts';
import { RunnerError } from '../../runner/runner-error.ts';
import { identityUri } from '../../tls/identity.ts';
import { refusalTrailer } from '../errors.ts';
import { type CallContext, type Service, unary } from '../service.ts';
import { StatusError, type StatusName } from '../status.ts';

/** A storage node as the service needs it. */
export interface StoragePort {
  request(request: StorageRequest, signal?: CancelSignal): Promise<StorageResponse>;
}

/** Trailer with the newest token, of a refusal for a stale one. */
export const newestTokenTrailer = 'photon-newest-token';

const statuses: Readonly<Record<StorageRefusalCode, StatusName>> = {
  STALE_TOKEN: 'FAILED_PRECONDITION',
  NOT_FOUND: 'NOT_FOUND',
  IN_USE: 'FAILED_PRECONDITION',
  INVALID: 'INVALID_ARGUMENT',
  NO_SPACE: 'RESOURCE_EXHAUSTED',
  PERMISSION_DENIED: 'PERMISSION_DENIED',
  UNAVAILABLE: 'UNAVAILABLE',
};

/** `photon.plasma.v1.StorageService`: who may write to which disk. The disks' bytes go over NBD. */
export function plasmaStorageService(port: StoragePort, authorizer: Authorizer): Service {
  return {
    name: storageServiceName,
    methods: Object.values(storageMethods).map(({ path, request, response }) =>
      unary<StorageRequest, StorageResponse>(path, request, response, async (asked, context) => {
        const refusal = authorizer.refuses(callerOf(context), { service: 'storage', request: asked });
        if (refusal !== undefined)
          throw new StatusError('PERMISSION_DENIED', refusal, trailersOf('PERMISSION_DENIED'));
        const answer = await ask(port, asked, context.signal);
        if (answer.kind !== 'refused') return answer;
        const { code, message, newest } = answer;
        throw new StatusError(statuses[code], message, {
          ...trailersOf(code),
          ...(newest === undefined ? {} : { [newestTokenTrailer]: String(newest) }),
        });
      }),
    ),
  };
}

/** A caller without a certificate is nobody in particular: whether that is enough the authorizer says. */
function callerOf({ certificateIdentity }: CallContext): { readonly identity: string } {
  return { identity: certificateIdentity === undefined ? '' : identityUri(certificateIdentity) };
}

async function ask(
  port: StoragePort,
  request: StorageRequest,
  signal: CancelSignal,
): Promise<StorageResponse> {
  try {
    return await port.request(request, signal);
  } catch (error) {
    if (signal.aborted) throw new StatusError('CANCELLED', 'the other side is gone');
    if (error instanceof RunnerError)
      throw new StatusError('UNAVAILABLE', error.message, trailersOf('UNAVAILABLE'));
    throw error;
  }
}

function trailersOf(code: StorageRefusalCode): Readonly<Record<string, string>> {
  return { [refusalTrailer]: code };
}
