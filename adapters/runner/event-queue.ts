/**
 * Events that wait for their step: what peers and ports say, and behind it what clients ask. Each kind keeps its order.
 *
 * A peer's message is cheap and somebody's election time-out runs against it; a request may take long, and as many of
 * them may wait as there are clients. In one line with them, a heartbeat would wait for all that came before it.
 */
export class EventQueue<Event> {
  readonly #peers = new Line<Event>();
  readonly #clients = new Line<Event>();

  get length(): number {
    return this.#peers.length + this.#clients.length;
  }

  /** Bounded by its owner, which asks for the length before. */
  get peersLength(): number {
    return this.#peers.length;
  }

  get clientsLength(): number {
    return this.#clients.length;
  }

  pushPeers(event: Event): void {
    this.#peers.push(event);
  }

  pushClients(event: Event): void {
    this.#clients.push(event);
  }

  /** Peers' first. */
  shift(): Event | undefined {
    return this.#peers.shift() ?? this.#clients.shift();
  }

  shiftClients(): Event | undefined {
    return this.#clients.shift();
  }

  clear(): void {
    this.#peers.clear();
    this.#clients.clear();
  }
}

/** Shifted events that the array still holds at most, so that taking one costs nothing. */
const shiftedMax = 1_024;

class Line<Event> {
  #events: Event[] = [];
  #head = 0;

  get length(): number {
    return this.#events.length - this.#head;
  }

  push(event: Event): void {
    this.#events.push(event);
  }

  shift(): Event | undefined {
    const event = this.#events[this.#head];
    if (event === undefined) return undefined;
    this.#head += 1;
    if (this.#head === this.#events.length) {
      this.clear();
    } else if (this.#head >= shiftedMax) {
      this.#events = this.#events.slice(this.#head);
      this.#head = 0;
    }
    return event;
  }

  clear(): void {
    this.#events = [];
    this.#head = 0;
  }
}
