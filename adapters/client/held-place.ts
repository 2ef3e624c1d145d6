import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { type HeldKey, leaveRequest } from '../../core/chainfire/client/recipes/queue.ts';
import { type Caller, type Deadline } from './calls.ts';
import { type Lease } from './lease.ts';
import { type Place } from './queue.ts';

/** The first place of a queue, which makes a lock's holder or a leader. Held for as long as its key exists. */
export class HeldPlace {
  /** The fencing token: it rises from holder to holder. */
  readonly token: number;
  readonly lease: Lease;
  protected readonly caller: Caller;
  protected readonly held: HeldKey;
  readonly #ownsLease: boolean;

  constructor(caller: Caller, { held, lease, ownsLease }: Place) {
    this.caller = caller;
    this.held = held;
    this.token = held.revision;
    this.lease = lease;
    this.#ownsLease = ownsLease;
  }

  get keyBytes(): Uint8Array {
    return bytesFromLatin1(this.held.key);
  }

  /** Aborted when the lease is lost: stop what depends on the place. */
  get signal(): AbortSignal {
    return this.lease.signal;
  }

  /** Removes the key, with its lease where that serves nothing else; one that is lost already is left to whoever has it. */
  protected async leave(deadline: Deadline): Promise<void> {
    if (this.#ownsLease) await this.lease.revoke(deadline);
    else await this.caller.ask(leaveRequest(this.held), deadline);
  }
}
