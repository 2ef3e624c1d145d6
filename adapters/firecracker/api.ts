import { Agent, request } from 'undici';

/** What Firecracker's API (1.17) is asked for here. Names and values are its own. */
export type FirecrackerRequest =
  | { readonly method: 'GET'; readonly path: '/' }
  | { readonly method: 'PUT'; readonly path: '/machine-config'; readonly body: MachineConfiguration }
  | { readonly method: 'PUT'; readonly path: '/boot-source'; readonly body: BootSource }
  | { readonly method: 'PUT'; readonly path: `/drives/${string}`; readonly body: Drive }
  | { readonly method: 'PATCH'; readonly path: `/drives/${string}`; readonly body: PartialDrive }
  | {
      readonly method: 'PUT';
      readonly path: `/network-interfaces/${string}`;
      readonly body: NetworkInterface;
    }
  | {
      readonly method: 'PUT';
      readonly path: '/actions';
      readonly body: { readonly action_type: 'InstanceStart' | 'SendCtrlAltDel' };
    }
  | {
      readonly method: 'PATCH';
      readonly path: '/vm';
      readonly body: { readonly state: 'Paused' | 'Resumed' };
    };

export interface MachineConfiguration {
  readonly vcpu_count: number;
  readonly mem_size_mib: number;
}

export interface BootSource {
  readonly kernel_image_path: string;
  readonly boot_args: string;
}

export interface Drive {
  readonly drive_id: string;
  readonly is_root_device: boolean;
  readonly is_read_only: boolean;
  readonly path_on_host: string;
  readonly cache_type: 'Writeback';
}

export interface PartialDrive {
  readonly drive_id: string;
  readonly path_on_host: string;
}

export interface NetworkInterface {
  readonly iface_id: string;
  readonly host_dev_name: string;
  readonly guest_mac: string;
}

export type InstanceState = 'Not started' | 'Running' | 'Paused';

const bodyBytesMax = 65_536;

/**
 * One microVM's API: HTTP over its unix socket, one request at a time. Some requests are good only before the guest has started,
 * and some only after: what comes in the wrong phase is refused here, and not sent.
 */
export class FirecrackerApi {
  readonly #agent: Agent;
  readonly #withinMs: number;
  /** Undefined: not asked yet, as of one that another agent has launched. */
  #started: boolean | undefined;

  constructor(socketPath: string, withinMs: number, started?: boolean) {
    this.#agent = new Agent({
      connect: { socketPath },
      connections: 1,
      pipelining: 1,
      maxResponseSize: bodyBytesMax,
    });
    this.#withinMs = withinMs;
    this.#started = started;
  }

  async state(): Promise<InstanceState> {
    const { state } = (await this.#send({ method: 'GET', path: '/' })) as { state: InstanceState };
    this.#started = state !== 'Not started';
    return state;
  }

  /** Settles when it is done; rejects with Firecracker's word for why not, or with the phase's. */
  async send(asked: Exclude<FirecrackerRequest, { readonly method: 'GET' }>): Promise<void> {
    if (this.#started === undefined) await this.state();
    const phase = phaseOf(asked);
    if (phase === 'before' && this.#started === true)
      throw new Error(`${asked.method} ${asked.path} is for a guest that has not started`);
    if (phase === 'after' && this.#started !== true)
      throw new Error(`${asked.method} ${asked.path} is for a guest that has started`);
    await this.#send(asked);
    if (asked.path === '/actions' && asked.body.action_type === 'InstanceStart') this.#started = true;
  }

  close(): void {
    void this.#agent.destroy();
  }

  async #send(asked: FirecrackerRequest): Promise<unknown> {
    const { method, path } = asked;
    const response = await request(`http://localhost${path}`, {
      dispatcher: this.#agent,
      method,
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: 'body' in asked ? JSON.stringify(asked.body) : null,
      headersTimeout: this.#withinMs,
      bodyTimeout: this.#withinMs,
    });
    const text = await response.body.text();
    if (response.statusCode === 200) return JSON.parse(text) as unknown;
    if (response.statusCode === 204) return undefined;
    throw new Error(`${method} ${path}: ${faultIn(text) ?? `status ${response.statusCode}`}`);
  }
}

/** By the API's description. */
function phaseOf(asked: Exclude<FirecrackerRequest, { readonly method: 'GET' }>): 'before' | 'after' {
  if (asked.path === '/actions') return asked.body.action_type === 'InstanceStart' ? 'before' : 'after';
  return asked.method === 'PUT' ? 'before' : 'after';
}

function faultIn(text: string): string | undefined {
  try {
    const { fault_message: message } = JSON.parse(text) as { fault_message?: unknown };
    return typeof message === 'string' ? message : undefined;
  } catch (cause) {
    if (cause instanceof SyntaxError) return undefined;
    throw cause;
  }
}
