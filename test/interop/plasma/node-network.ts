import { runCommand } from '../command.ts';
import { freePorts } from '../ports.ts';

/** RFC 2544: for tests of networks, routed nowhere. Each gets the four addresses at the position of a port that it has claimed. */
const firstAddress = (198 << 24) + (18 << 16);

async function ip(...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runCommand('ip', args);
  if (code !== 0) throw new Error(`ip ${args.join(' ')}: ${stderr}`);
}

function dotted(address: number): string {
  return [24, 16, 8, 0].map((bits) => (address >>> bits) & 255).join('.');
}

/** A network namespace, joined to this machine by one cable. */
export class NodeNetwork {
  readonly namespace: string;
  /** This machine's end, and the other one. */
  readonly host: string;
  readonly inside: string;
  readonly #cable: string;
  readonly #plug: string;

  private constructor(position: number) {
    this.namespace = `photon-${position}`;
    this.#cable = `pht${position}h`;
    this.#plug = `pht${position}n`;
    this.host = dotted(firstAddress + 4 * position + 1);
    this.inside = dotted(firstAddress + 4 * position + 2);
  }

  static async create(): Promise<NodeNetwork> {
    const [position = 0] = await freePorts(1);
    const network = new NodeNetwork(position);
    const { namespace } = network;
    await ip('netns', 'add', namespace);
    try {
      await ip('link', 'add', network.#cable, 'type', 'veth', 'peer', 'name', network.#plug);
      await ip('link', 'set', network.#plug, 'netns', namespace);
      await ip('address', 'add', `${network.host}/30`, 'dev', network.#cable);
      await ip('link', 'set', network.#cable, 'up');
      await ip('-n', namespace, 'address', 'add', `${network.inside}/30`, 'dev', network.#plug);
      await ip('-n', namespace, 'link', 'set', network.#plug, 'up');
      await ip('-n', namespace, 'link', 'set', 'lo', 'up');
    } catch (error) {
      await network.remove();
      throw error;
    }
    return network;
  }

  cut(): Promise<void> {
    return ip('-n', this.namespace, 'link', 'set', this.#plug, 'down');
  }

  join(): Promise<void> {
    return ip('-n', this.namespace, 'link', 'set', this.#plug, 'up');
  }

  /** Its cable goes with it. Processes in it must have ended. */
  remove(): Promise<void> {
    return ip('netns', 'delete', this.namespace);
  }
}
