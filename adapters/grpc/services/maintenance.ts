import {
  alarmActions,
  AlarmRequest,
  AlarmResponse,
  StatusRequest,
} from '../../../core/chainfire/api/cluster.ts';
import { type Service, unary } from '../service.ts';
import { StatusError } from '../status.ts';
import { ask, memberAnswers, type MemberPort } from './member-port.ts';
import { unserved } from './unserved.ts';

/** etcd's Maintenance service. No alarm can be raised yet, so that the list of alarms is always empty. */
export function maintenanceService(member: MemberPort): Service {
  const name = 'etcdserverpb.Maintenance';
  return {
    name,
    methods: [
      ...memberAnswers(member, ['status', 'hash', 'hashKv', 'moveLeader']),
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
      ...unserved(name, ['Defragment', 'Snapshot', 'Downgrade']),
    ],
  };
}
