import { HashKvRequest, HashKvResponse } from '../../../core/chainfire/api/cluster.ts';
import { memberMethods } from '../member-methods.ts';
import { type SnapshotSource } from '../../backup/open-snapshot.ts';
import { type Service, unary } from '../service.ts';
import { defragmentMethod, type Defragmenter } from './defragment.ts';
import { ask, memberAnswers, type MemberPort } from './member-port.ts';
import { snapshotMethod } from './snapshot.ts';
import { unserved } from './unserved.ts';

/** etcd's Maintenance service. */
export function maintenanceService(member: MemberPort, store: SnapshotSource & Defragmenter): Service {
  const name = 'etcdserverpb.Maintenance';
  return {
    name,
    methods: [
      ...memberAnswers(member, ['status', 'hash', 'moveLeader', 'alarm']),
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
      ...unserved(name, ['Downgrade']),
    ],
  };
}
