import {
  alarmActions,
  AlarmRequest,
  AlarmResponse,
  HashKvRequest,
  HashKvResponse,
  StatusRequest,
} from '../../../core/chainfire/api/cluster.ts';
import { memberMethods } from '../member-methods.ts';
import { type SnapshotSource } from '../../backup/open-snapshot.ts';
import { type Service, unary } from '../service.ts';
import { StatusError } from '../status.ts';
import { defragmentMethod, type Defragmenter } from './defragment.ts';
import { ask, memberAnswers, type MemberPort } from './member-port.ts';
import { snapshotMethod } from './snapshot.ts';
import { unserved } from './unserved.ts';

/**
 * etcd's Maintenance service. No alarm can be raised yet: the list of alarms is always empty, and to disarm one finds none, which
 * etcd answers with an empty list as well.
 */
export function maintenanceService(member: MemberPort, store: SnapshotSource & Defragmenter): Service {
  const name = 'etcdserverpb.Maintenance';
  return {
    name,
    methods: [
      ...memberAnswers(member, ['status', 'hash', 'moveLeader']),
      unary(memberMethods.hashKv.path, HashKvRequest, HashKvResponse, async (request, context) => {
        const response = await ask<'hashKv'>(member, { kind: 'hashKv', request }, context);
        // What etcd says of a store that was never compacted.
        return {
          ...response,
          compactRevision: response.compactRevision === 0 ? -1 : response.compactRevision,
        };
      }),
      snapshotMethod(store),
      defragmentMethod(store),
      unary(`/${name}/Alarm`, AlarmRequest, AlarmResponse, async (request, context) => {
        if (request.action !== alarmActions.get && request.action !== alarmActions.deactivate) {
          throw new StatusError(
            'UNIMPLEMENTED',
            `${name}.Alarm: only actions GET (0) and DEACTIVATE (2) are served by this version of Chainfire`,
          );
        }
        const status = await ask<'status'>(
          member,
          { kind: 'status', request: StatusRequest.create() },
          context,
        );
        return AlarmResponse.create({ header: status.header });
      }),
      ...unserved(name, ['Downgrade']),
    ],
  };
}
