import { type RecipeFailure } from '../../../core/chainfire/client/recipes/protocol.ts';
import { statusOfRefusal } from '../errors.ts';
import { StatusError } from '../status.ts';

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
        : statusOfRefusal(failure.refusal);
    case 'failed':
      return new StatusError('UNAVAILABLE', failure.reason);
    case 'unknown':
      return lastStatus ?? new StatusError('UNAVAILABLE', failure.reason);
  }
}
