import { passMap, type StateForm } from '../base/capture.ts';
import { encodeMessage } from './datagram-codec.ts';
import { type Rumor } from './types.ts';

/**
 * What is new and goes with whatever is sent, until it was sent often enough. One rumor a member: a newer one takes the place of
 * what it overrides, so that there are never more than members.
 */
export class BroadcastQueue {
  readonly #waiting = new Map<string, Broadcast>();
  #queued = 0;

  get size(): number {
    return this.#waiting.size;
  }

  has(name: string): boolean {
    return this.#waiting.has(name);
  }

  push(rumor: Rumor): void {
    this.#queued += 1;
    const message = encodeMessage({ kind: 'rumor', rumor });
    this.#waiting.delete(rumor.name);
    this.#waiting.set(rumor.name, { message, order: this.#queued, sent: 0 });
  }

  forget(name: string): void {
    this.#waiting.delete(name);
  }

  clear(): void {
    this.#waiting.clear();
  }

  /** What fits, the least often sent first, and of those the newest. Each counts as sent once more, and goes after its last time. */
  take(bytesMax: number, sentMax: number): readonly Uint8Array[] {
    if (this.#waiting.size === 0) return [];
    const inTurn = [...this.#waiting].sort(
      ([, left], [, right]) => left.sent - right.sent || right.order - left.order,
    );
    const taken: Uint8Array[] = [];
    let room = bytesMax;
    for (const [name, broadcast] of inTurn) {
      if (broadcast.message.length > room) continue;
      room -= broadcast.message.length;
      taken.push(broadcast.message);
      broadcast.sent += 1;
      if (broadcast.sent >= sentMax) this.#waiting.delete(name);
    }
    return taken;
  }

  passState(form: StateForm): void {
    passMap(form, 'waiting', this.#waiting, { blank: ['', blankBroadcast], pass: passEntry });
    this.#queued = form.number('queued', this.#queued);
  }
}

interface Broadcast {
  readonly message: Uint8Array;
  /** Newer ones have higher numbers. */
  readonly order: number;
  sent: number;
}

const blankBroadcast: Broadcast = { message: new Uint8Array(0), order: 0, sent: 0 };

function passEntry(
  form: StateForm,
  [name, broadcast]: readonly [string, Broadcast],
): readonly [string, Broadcast] {
  return [
    form.text('name', name),
    {
      message: form.bytes('message', broadcast.message),
      order: form.number('order', broadcast.order),
      sent: form.number('sent', broadcast.sent),
    },
  ];
}
