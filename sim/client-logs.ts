import { assert } from '../core/base/assert.ts';
import { type WatchBatch, type WatchEnd, type WatchTarget } from '../core/chainfire/client/protocol.ts';
import { type LockHold, type WatchDelivery, type WatchLog } from './types.ts';

/**
 * What clients were told beside the answers to their calls: by their watches, and of the locks that they held. With the
 * history it is the evidence that the checkers of the client's view accept.
 */
export class ClientLogs {
  readonly #watches: WatchRecord[] = [];
  readonly #holds: HoldRecord[] = [];
  #events = 0;

  get watches(): readonly WatchLog[] {
    return this.#watches;
  }

  get holds(): readonly LockHold[] {
    return this.#holds;
  }

  /** Events that watches have delivered. */
  get events(): number {
    return this.#events;
  }

  opened(watch: { client: number; watchId: number; target: WatchTarget; openedUs: number }): WatchRecord {
    const record = new WatchRecord(watch, (events) => {
      this.#events += events;
    });
    this.#watches.push(record);
    return record;
  }

  held(hold: Omit<LockHold, 'toUs'>): HoldRecord {
    const record = new HoldRecord(hold);
    this.#holds.push(record);
    return record;
  }
}

export class WatchRecord implements WatchLog {
  readonly client: number;
  readonly watchId: number;
  readonly target: WatchTarget;
  readonly openedUs: number;
  readonly deliveries: WatchDelivery[] = [];
  end: WatchEnd | undefined;
  closed = false;
  readonly #counted: (events: number) => void;

  constructor(
    watch: { client: number; watchId: number; target: WatchTarget; openedUs: number },
    counted: (events: number) => void,
  ) {
    this.client = watch.client;
    this.watchId = watch.watchId;
    this.target = watch.target;
    this.openedUs = watch.openedUs;
    this.#counted = counted;
  }

  delivered(atUs: number, batch: WatchBatch): void {
    assert(!this.closed && this.end === undefined, 'a watch delivers nothing behind its end');
    this.deliveries.push({ atUs, batch });
    this.#counted(batch.events.length);
  }
}

export class HoldRecord implements LockHold {
  readonly client: number;
  readonly name: string;
  readonly leaseId: bigint;
  readonly fencingToken: number;
  readonly fromUs: number;
  toUs: number | undefined;

  constructor(hold: Omit<LockHold, 'toUs'>) {
    this.client = hold.client;
    this.name = hold.name;
    this.leaseId = hold.leaseId;
    this.fencingToken = hold.fencingToken;
    this.fromUs = hold.fromUs;
  }
}
