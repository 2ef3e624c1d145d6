import { alarmTypes } from '../api/cluster.ts';
import { type TxnRequest } from '../api/kv.ts';
import { type Command } from '../command.ts';
import { type MemberRefusal } from '../member-protocol.ts';
import { type AlarmState, refusalOfAlarm } from './alarm-state.ts';

/**
 * Asked where an entry is applied, by what is replicated: every member refuses the same, whatever its own disk holds.
 *
 * NOSPACE stops what makes the store larger, and lets go on what makes it smaller. CORRUPT stops every change of keys and
 * leases, since members would only move further apart; reads are served, as at etcd. Alarms, members, users and the renewal
 * of leases go on under either: that is how an operator comes out of it.
 */
export function refuseByAlarm(alarms: AlarmState, command: Command): MemberRefusal | undefined {
  if (alarms.isEmpty) return undefined;
  if (changesData(command) && alarms.isRaised(alarmTypes.corrupt)) return refusalOfAlarm(alarmTypes.corrupt);
  if (takesSpace(command) && alarms.isRaised(alarmTypes.nospace)) return refusalOfAlarm(alarmTypes.nospace);
  return undefined;
}

/** Whether a transaction puts anything, whichever way it goes. */
export function txnPuts(txn: TxnRequest): boolean {
  return [txn.success, txn.failure].some((branch) =>
    branch.some(
      ({ requestPut, requestTxn }) =>
        requestPut !== undefined || (requestTxn !== undefined && txnPuts(requestTxn)),
    ),
  );
}

function changesData(command: Command): boolean {
  const { put, txn, deleteRange, compact, leaseGrant, leaseRevoke, leaseExpire } = command;
  return (
    put !== undefined ||
    txn !== undefined ||
    deleteRange !== undefined ||
    compact !== undefined ||
    leaseGrant !== undefined ||
    leaseRevoke !== undefined ||
    leaseExpire !== undefined
  );
}

function takesSpace({ put, txn, leaseGrant }: Command): boolean {
  return put !== undefined || leaseGrant !== undefined || (txn !== undefined && txnPuts(txn));
}
