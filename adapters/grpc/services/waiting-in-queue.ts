import { assert } from '../../../core/base/assert.ts';
import { type Machine } from '../../../core/base/machine.ts';
import { LeaseGrantRequest } from '../../../core/chainfire/api/lease.ts';
import { type QueueEffect, type RecipeEvent } from '../../../core/chainfire/client/recipes/protocol.ts';
import { type CallContext } from '../service.ts';
import { CallEnd } from './call-end.ts';
import { onBehalfOf, type MemberPort } from './member-port.ts';
import { type OutcomeOf, RecipeDriver } from './recipe-driver.ts';
import { askForCaller, statusOfFailure } from './recipe-status.ts';

/** Of the lease that a client gets which names none. Nobody keeps it alive but the client. */
const ownLeaseSeconds = 60;

export type Acquired = Extract<QueueEffect, { readonly kind: 'acquired' }>;

/** The lease that the client names, or a new one. */
export async function leaseOf(member: MemberPort, named: bigint, context: CallContext): Promise<bigint> {
  if (named !== 0n) return named;
  const request = LeaseGrantRequest.create({ ttlSeconds: ownLeaseSeconds });
  return (await askForCaller<'leaseGrant'>(member, { kind: 'leaseGrant', request }, context)).id;
}

/**
 * Waits with the client until its key holds. A client that leaves meanwhile gives up its key: that goes on when the call has
 * ended already.
 *
 * @param what the service's own word for errors
 */
export async function waitInQueue(
  member: MemberPort,
  recipe: Machine<RecipeEvent, QueueEffect>,
  what: string,
  context: CallContext,
): Promise<Acquired> {
  const end = new CallEnd(context.signal);
  let acquired: Acquired | undefined;
  const driver: RecipeDriver<QueueEffect> = new RecipeDriver<QueueEffect>(
    onBehalfOf(member, context),
    recipe,
    {
      onOutcome: (outcome: OutcomeOf<QueueEffect>) => {
        if (outcome.kind === 'failed') {
          end.fail(statusOfFailure(outcome, what, driver.lastStatus));
          return;
        }
        acquired = outcome;
        end.end();
      },
    },
  );
  context.signal.addEventListener('abort', () => driver.cancel(), { once: true });
  if (!context.signal.aborted) driver.begin();
  await end.reached;
  assert(acquired !== undefined, 'a recipe that has not failed has acquired');
  return acquired;
}
