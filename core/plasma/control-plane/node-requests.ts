import { type NodeName } from '../types.ts';
import { type Decision, decidedAtOnce, type MutationOf, refusedWith } from './decision.ts';
import { type Memory } from './memory.ts';
import { type NodeRow } from './rows.ts';

type NodeMutation = MutationOf<'nodeCordon' | 'nodeUncordon' | 'nodeDrain' | 'nodeFence' | 'nodeForget'>;

/** Decides what operators want of nodes. What follows for the virtual machines there is not part of the decision. */
export function decideOnNode(memory: Memory, request: NodeMutation): Decision {
  const row = memory.working.nodes.get(request.node);
  if (row === undefined || row.lost === 'forgotten') {
    return refusedWith('NOT_FOUND', `there is no node ${request.node}`);
  }
  switch (request.kind) {
    case 'nodeCordon':
      return changed(memory, { ...row, cordoned: true });
    case 'nodeUncordon':
      return changed(memory, { ...row, cordoned: false, draining: false });
    case 'nodeDrain':
      return changed(memory, { ...row, cordoned: true, draining: true });
    case 'nodeFence':
      if (row.epoch !== request.epoch) {
        return refusedWith(
          'FAILED_PRECONDITION',
          `the node ${row.name} is in epoch ${row.epoch}, and epoch ${request.epoch} was to be fenced: it has registered since`,
        );
      }
      return changed(memory, { ...row, lost: 'fenced' });
    case 'nodeForget':
      if (row.lost === undefined) {
        return refusedWith(
          'FAILED_PRECONDITION',
          `the node ${row.name} holds its lease: fence it first, when it is off`,
        );
      }
      return changed(memory, { ...row, lost: 'forgotten' });
  }
}

function changed(memory: Memory, row: NodeRow): Decision {
  memory.put('nodes', row);
  return decidedAtOnce;
}

/** Its lease has ended so long ago that nothing which must stop runs there any more. */
export function giveUpNode(memory: Memory, name: NodeName): void {
  const row = memory.working.nodes.get(name);
  if (row === undefined || row.lost !== undefined) return;
  memory.put('nodes', { ...row, lost: 'expired' });
  memory.note('nodeLost', { node: name, message: `epoch ${row.epoch} is closed` });
}
