import { type StateForm } from '../base/capture.ts';
import { type Proposer } from './apply.ts';
import { type Caller } from './auth/caller.ts';
import { Command, type CommandBody } from './command.ts';

/** A command as it goes into the log, and the number by which its proposer will know it. */
export interface NumberedCommand {
  readonly seq: number;
  readonly bytes: Uint8Array;
}

/** Commands of this member's present life, each under the next number: 1, 2, 3 … */
export class Numbering {
  readonly #proposer: Proposer;
  #seq = 0;

  constructor(proposer: Proposer) {
    this.#proposer = proposer;
  }

  /** @param caller for whom; undefined for nobody that is known, or for what nobody has asked for */
  encode(body: CommandBody, caller?: Caller): NumberedCommand {
    const { member, boot } = this.#proposer;
    const {
      put,
      deleteRange,
      txn,
      compact,
      publishMember,
      leaseGrant,
      leaseRevoke,
      leaseRenew,
      leaseExpire,
      memberAdd,
      memberRemove,
      memberUpdate,
      memberPromote,
      memberChangeRefused,
      alarm,
      alarmRaised,
      namespacePut,
      namespaceRemove,
      namespaceTurn,
      checkRequested,
      checkReported,
      authChange,
    } = body;
    this.#seq += 1;
    const seq = this.#seq;
    const bytes = Command.encode({
      member,
      boot,
      seq,
      put,
      deleteRange,
      txn,
      compact,
      publishMember,
      leaseGrant,
      leaseRevoke,
      leaseRenew,
      leaseExpire,
      memberAdd,
      memberRemove,
      memberUpdate,
      memberPromote,
      memberChangeRefused,
      alarm,
      alarmRaised,
      namespacePut,
      namespaceRemove,
      namespaceTurn,
      checkRequested,
      checkReported,
      authChange,
      caller,
    });
    return { seq, bytes };
  }

  passState(form: StateForm): void {
    this.#seq = form.number('seq', this.#seq);
  }
}
