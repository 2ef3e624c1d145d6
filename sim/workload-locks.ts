import { assert, unreachable } from '../core/base/assert.ts';
import { between, type Prng } from '../core/base/prng.ts';
import { usPerMs } from '../core/base/units.ts';
import { LockRecipe, unlockRequest } from '../core/chainfire/client/recipes/lock.ts';
import { type QueueEffect, type RecipeEvent } from '../core/chainfire/client/recipes/protocol.ts';
import { type HeldKey } from '../core/chainfire/client/recipes/queue.ts';
import { type HoldRecord } from './client-logs.ts';
import { KeptLease } from './kept-lease.ts';
import { type ClientDesk } from './workload-desk.ts';
import { type Undertaking } from './undertaking.ts';

/** Few locks, so that many want the same. */
const locks = 2;
const ttlSecondsMin = 2;
const ttlSecondsMax = 5;

/**
 * A lock on a lease of the client's own: waited for, held for a while, and given back, or left behind with the lease. It
 * counts as held for no longer than the client can rely on its lease.
 */
export class LockUndertaking implements Undertaking {
  readonly #desk: ClientDesk;
  readonly #prng: Prng;
  readonly #name: string;
  #lease: KeptLease | undefined;
  #recipe: LockRecipe | undefined;
  #watchId: number | undefined;
  #held: HeldKey | undefined;
  #hold: HoldRecord | undefined;
  #phase: 'granting' | 'waiting' | 'holding' | 'leaving' | 'over' = 'granting';
  #stopped = false;
  /** When it gives up waiting, then when it lets the lock go. */
  #endUs = Infinity;

  constructor(options: { readonly desk: ClientDesk; readonly prng: Prng }) {
    const { desk, prng } = options;
    this.#desk = desk;
    this.#prng = prng;
    this.#name = `lock/${prng.below(locks)}`;
    KeptLease.grant(
      desk,
      {
        id: 0n,
        ttlSeconds: between(prng, ttlSecondsMin, ttlSecondsMax),
        onLost: () => {
          this.#leaseLost();
        },
      },
      (lease) => {
        this.#granted(lease);
      },
    );
  }

  get over(): boolean {
    return this.#phase === 'over';
  }

  get settled(): boolean {
    return this.over;
  }

  get deadlineUs(): number {
    return this.#phase === 'waiting' || this.#phase === 'holding' ? this.#endUs : Infinity;
  }

  tick(): void {
    if (this.#desk.nowUs < this.deadlineUs) return;
    if (this.#phase === 'holding') this.#letGo();
    else if (this.#phase === 'waiting') this.#giveUp();
  }

  stop(): void {
    this.#stopped = true;
    this.#endUs = this.#desk.nowUs;
  }

  vanish(): void {
    this.#endHold(Math.min(this.#desk.nowUs, this.#lease?.reliableUs ?? 0));
    this.#phase = 'over';
  }

  #granted(lease: KeptLease | undefined): void {
    if (lease === undefined) {
      this.#phase = 'over';
      return;
    }
    this.#lease = lease;
    this.#phase = 'waiting';
    const patienceUs = this.#stopped ? 0 : between(this.#prng, 100, 15_000) * usPerMs;
    this.#endUs = this.#desk.nowUs + patienceUs;
    this.#recipe = new LockRecipe({ name: this.#name, leaseId: lease.leaseId });
    this.#feed({ kind: 'begun' });
  }

  #giveUp(): void {
    this.#endUs = Infinity;
    this.#feed({ kind: 'cancelled' });
  }

  #feed(event: RecipeEvent): void {
    const recipe = this.#recipe;
    assert(recipe !== undefined, 'the recipe was begun');
    for (const effect of recipe.step(event, this.#desk.nowUs)) this.#apply(effect);
  }

  #apply(effect: QueueEffect): void {
    switch (effect.kind) {
      case 'call':
        this.#desk.call(effect.request, (outcome) => {
          this.#feed({ kind: 'answered', outcome });
        });
        break;
      case 'watch': {
        const watchId = this.#desk.openWatch(effect.target, {
          delivered: (batch) => {
            if (this.#watchId === watchId) this.#feed({ kind: 'watched', batch });
          },
          ended: (end) => {
            if (this.#watchId !== watchId) return;
            this.#watchId = undefined;
            this.#feed({ kind: 'watchEnded', end });
          },
        });
        this.#watchId = watchId;
        break;
      }
      case 'unwatch':
        this.#unwatch();
        break;
      case 'acquired':
        this.#acquired({ key: effect.key, revision: effect.revision });
        break;
      case 'failed':
        this.#leaveLease();
        break;
      default:
        unreachable(effect);
    }
  }

  #unwatch(): void {
    if (this.#watchId !== undefined) this.#desk.closeWatch(this.#watchId);
    this.#watchId = undefined;
  }

  #acquired(held: HeldKey): void {
    const lease = this.#lease;
    const { nowUs, logs, client } = this.#desk;
    assert(lease !== undefined, 'a lock lies on a lease');
    this.#held = held;
    this.#phase = 'holding';
    if (!lease.kept || lease.reliableUs <= nowUs) {
      this.#letGo();
      return;
    }
    this.#hold = logs.held({
      client,
      name: this.#name,
      leaseId: lease.leaseId,
      fencingToken: held.revision,
      fromUs: nowUs,
    });
    this.#endUs = this.#stopped ? nowUs : nowUs + between(this.#prng, 20, 7_000) * usPerMs;
  }

  /** Unlocks, revokes the lease, or leaves both behind, as a process that has died. */
  #letGo(): void {
    const lease = this.#lease;
    assert(lease !== undefined && this.#held !== undefined, 'a lock is let go by its holder');
    const abandoned = lease.kept && this.#prng.chance(1, 4);
    this.#endHold(abandoned ? lease.reliableUs : Math.min(this.#desk.nowUs, lease.reliableUs));
    if (abandoned) {
      lease.release();
      this.#phase = 'over';
    } else if (this.#prng.chance(1, 3)) {
      this.#leaveLease();
    } else {
      this.#phase = 'leaving';
      this.#desk.call(unlockRequest(this.#held), () => {
        this.#leaveLease();
      });
    }
  }

  #leaseLost(): void {
    const reliableUs = this.#lease?.reliableUs ?? 0;
    this.#endHold(Math.min(this.#desk.nowUs, reliableUs));
    if (this.#phase === 'waiting') this.#giveUp();
  }

  #endHold(toUs: number): void {
    if (this.#hold !== undefined && this.#hold.toUs === undefined) this.#hold.toUs = toUs;
  }

  /** Nothing lies on the lease any more that is wanted. */
  #leaveLease(): void {
    const lease = this.#lease;
    this.#phase = 'leaving';
    if (lease?.kept === true && this.#prng.chance(2, 3)) {
      lease.revoke(() => {
        this.#phase = 'over';
      });
    } else {
      lease?.release();
      this.#phase = 'over';
    }
  }
}
