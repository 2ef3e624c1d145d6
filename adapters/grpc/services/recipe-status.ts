import { type RecipeFailure } from '../../../core/chainfire/client/recipes/protocol.ts';
import { type MemberRequest } from '../../../core/chainfire/member-protocol.ts';
import { statusOfRefusal } from '../errors.ts';
import { type MemberRequestKind, type ResponseOf } from '../member-methods.ts';
import { type CallContext } from '../service.ts';
import { StatusError } from '../status.ts';
import { ask, type MemberPort } from './member-port.ts';

/**
 * How a recipe that failed is told to its client.
 *
 * @param what the service's own word, with which etcd's texts begin: `mutex`, `election`
 * @param lastStatus what stood between the recipe and the member, if anything did
 */
export function statusOfFailure(
  failure: RecipeFailure,
  what: string,
  lastStatus: StatusError | undefined,
): StatusError {
  switch (failure.why) {
    case 'cancelled':
      return new StatusError('CANCELLED', 'the client has gone');
    case 'sessionLost':
      return new StatusError('UNKNOWN', `${what}: session is expired`);
    case 'refused':
      return failure.refusal === undefined
        ? (lastStatus ?? new StatusError('UNAVAILABLE', failure.reason))
        : asTheirClient(statusOfRefusal(failure.refusal));
    case 'failed':
      return new StatusError('UNAVAILABLE', failure.reason);
    case 'unknown':
      return lastStatus ?? new StatusError('UNAVAILABLE', failure.reason);
  }
}

/**
 * etcd's lock and election services are clients of their own server: what that refuses reaches their callers with its text
 * and without its code. What says that another try may help keeps its code.
 */
export function asTheirClient(status: StatusError): StatusError {
  switch (status.code) {
    case 'UNAVAILABLE':
    case 'RESOURCE_EXHAUSTED':
    case 'CANCELLED':
      return status;
    default:
      return new StatusError('UNKNOWN', status.message, status.trailers);
  }
}

/** Asks on behalf of a caller of these services. */
export async function askForCaller<Kind extends MemberRequestKind>(
  member: MemberPort,
  request: Extract<MemberRequest, { readonly kind: Kind }>,
  context: CallContext,
): Promise<ResponseOf<Kind>> {
  try {
    return await ask<Kind>(member, request, context);
  } catch (error) {
    throw error instanceof StatusError ? asTheirClient(error) : error;
  }
}
