import { type NodeId } from '../../../core/base/ids.ts';
import { type SwimOptions } from '../../../core/swim/config.ts';
import { Violation } from '../../types.ts';
import { type SwimChecker, type SwimGroup, type SwimStep } from '../checker.ts';

/**
 * Load: no datagram is longer than its bound; in a period of the protocol a member sends so many of its own accord and so many
 * for each that it got, however large the group and whatever happens in it; and when nothing has changed for long, nothing is new
 * any more: every rumor came to an end.
 *
 * Not verified: the bytes of a period, which follow from the two bounds.
 */
export class SwimLoad implements SwimChecker {
  readonly name = 'swim-load';
  readonly #windows = new Map<NodeId, Window>();

  onStep(step: SwimStep): void {
    const { nowUs, process, event, effects, group } = step;
    const { options } = group;
    const window = this.#windowOf(process.node, Math.floor(nowUs / options.probeIntervalUs));
    if (event.kind === 'received') window.received += 1;
    for (const effect of effects) {
      if (effect.kind !== 'send') continue;
      const { length } = effect.datagram;
      if (length > options.datagramBytesMax) {
        const detail = `${process.name} sends ${length} bytes, where ${options.datagramBytesMax} are the most`;
        throw new Violation(this.name, detail);
      }
      window.sent += 1;
    }
    const most = mostSent(options, group.processes.length, window);
    if (window.sent <= most) return;
    throw new Violation(
      this.name,
      `${process.name} has sent ${window.sent} datagrams in a period in which it got ${window.received}, where ${most} are the most`,
    );
  }

  onEnd({ processes }: SwimGroup): void {
    for (const { name, machine } of processes) {
      if (machine === undefined || machine.rumors === 0) continue;
      throw new Violation(
        this.name,
        `${name} still passes on ${machine.rumors} rumors long after the last change`,
      );
    }
  }

  #windowOf(node: NodeId, period: number): Window {
    const window = this.#windows.get(node);
    if (window?.period === period) return window;
    const receivedBefore = window?.period === period - 1 ? window.received : 0;
    const fresh = { period, sent: 0, received: 0, receivedBefore };
    this.#windows.set(node, fresh);
    return fresh;
  }
}

interface Window {
  readonly period: number;
  sent: number;
  received: number;
  /** In the period before: what was asked there may be answered here. */
  readonly receivedBefore: number;
}

/** Of its own accord: a probe and those that it asks of others, twice where a period touches two; gossip; a state or two. */
function mostSent(options: SwimOptions, members: number, window: Window): number {
  const { probeIntervalUs, gossipIntervalUs, gossipFanout, indirectProbes, syncAnswersMax } = options;
  const got = window.received + window.receivedBefore;
  const probes = 2 * (1 + indirectProbes);
  const gossip = gossipFanout * (Math.ceil(probeIntervalUs / gossipIntervalUs) + 1);
  // Ten records at least fit into a datagram, as long as names and addresses are as short as in the simulator.
  const parts = Math.ceil(members / 10);
  const states = parts * (4 + Math.min(2 * syncAnswersMax, got));
  // A request to probe makes a probe, and later an answer; everything else at most an answer.
  return probes + gossip + states + 2 * got;
}
