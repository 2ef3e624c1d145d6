import {
  alarmActions,
  AlarmRequest,
  AlarmResponse,
  HashKvRequest,
  HashKvResponse,
  HashRequest,
  HashResponse,
  StatusRequest,
  StatusResponse,
} from '../../../core/chainfire/api/cluster.ts';
import { type Service, unary } from '../service.ts';
import { StatusError } from '../status.ts';
import { ask, type MemberPort } from './member-port.ts';
import { unserved } from './unserved.ts';

/** etcd's Maintenance service. No alarm can be raised yet, so that the list of alarms is always empty. */
export function maintenanceService(member: MemberPort): Service {
  const name = 'etcdserverpb.Maintenance';
  return {
    name,
    methods: [
      unary(`/${name}/Status`, StatusRequest, StatusResponse, (request, context) =>
        ask<'status'>(member, { kind: 'status', request }, context),
      ),
      unary(`/${name}/Hash`, HashRequest, HashResponse, (request, context) =>
        ask<'hash'>(member, { kind: 'hash', request }, context),
      ),
      unary(`/${name}/HashKV`, HashKvRequest, HashKvResponse, (request, context) =>
        ask<'hashKv'>(member, { kind: 'hashKv', request }, context),
      ),
      unary(`/${name}/Alarm`, AlarmRequest, AlarmResponse, async (request, context) => {
        if (request.action !== alarmActions.get) {
          throw new StatusError(
            'UNIMPLEMENTED',
            `${name}.Alarm: only action GET (0) is served by this version of Chainfire`,
          );
        }
        const status = await ask<'status'>(
          member,
          { kind: 'status', request: StatusRequest.create() },
          context,
        );
        return AlarmResponse.create({ header: status.header });
      }),
      ...unserved(name, ['Defragment', 'Snapshot', 'MoveLeader', 'Downgrade']),
    ],
  };
}
