import { DeleteRangeRequest } from '../../../core/chainfire/api/kv.ts';
import {
  LockRequest,
  LockResponse,
  UnlockRequest,
  UnlockResponse,
} from '../../../core/chainfire/api/lock.ts';
import { LockRecipe } from '../../../core/chainfire/client/recipes/lock.ts';
import { type Service, unary } from '../service.ts';
import { type MemberPort } from './member-port.ts';
import { askForCaller } from './recipe-status.ts';
import { leaseOf, waitInQueue } from './waiting-in-queue.ts';

/** etcd's lock service. */
export function lockService(member: MemberPort): Service {
  const name = 'v3lockpb.Lock';
  return {
    name,
    methods: [
      unary(`/${name}/Lock`, LockRequest, LockResponse, async (request, context) => {
        const leaseId = await leaseOf(member, request.lease, context);
        const recipe = new LockRecipe({ name: request.name, leaseId });
        const { header, key } = await waitInQueue(member, recipe, 'mutex', context);
        return { header, key };
      }),
      unary(`/${name}/Unlock`, UnlockRequest, UnlockResponse, async ({ key }, context) => {
        const request = DeleteRangeRequest.create({ key });
        const { header } = await askForCaller<'deleteRange'>(
          member,
          { kind: 'deleteRange', request },
          context,
        );
        return { header };
      }),
    ],
  };
}
