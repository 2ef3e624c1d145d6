import { systemPrng } from '../../../adapters/client/system-prng.ts';
import { type PlasmaClient } from '../../../adapters/grpc/plasma-client.ts';
import { type PlasmaStorageClient } from '../../../adapters/grpc/plasma-storage-client.ts';
import { type NoStreams, type RunnerFailure } from '../../../adapters/runner/protocol.ts';
import { Runner } from '../../../adapters/runner/runner.ts';
import { type FileSegments } from '../../../adapters/segments/file-segments.ts';
import { machineMonotonicUs } from '../../../adapters/watchdog/monotonic.ts';
import { type WatchdogLink } from '../../../adapters/watchdog/watchdog-link.ts';
import { unreachable } from '../../../core/base/assert.ts';
import { Agent } from '../../../core/plasma/agent/agent.ts';
import { type AgentAct, type AgentConfig, type AgentReport } from '../../../core/plasma/agent/protocol.ts';
import { type AgentResponse } from '../../../core/plasma/agent-protocol.ts';
import { type Hypervisor } from '../../../core/plasma/hypervisor.ts';
import { noPeers } from '../no-peers.ts';

export interface LiveAgentParts {
  readonly config: AgentConfig;
  readonly segments: FileSegments;
  readonly hypervisor: Hypervisor;
  readonly servers: readonly PlasmaClient[];
  /** Of the same servers. */
  readonly serverAddresses: readonly string[];
  readonly storage: PlasmaStorageClient | undefined;
  readonly watchdog: WatchdogLink;
}

interface AgentPortTypes {
  readonly act: AgentAct;
  readonly report: AgentReport;
}

const usPerMs = 1_000;

/** An agent's machine with everything that it acts by. Its clock is the machine's, which its watchdog reads as well. */
export class LiveAgent {
  readonly machine: Agent;
  readonly runner: Runner<never, never, never, never, NoStreams, AgentPortTypes>;
  /** Resolves when the runner stops without being asked to. */
  readonly failed: Promise<RunnerFailure>;
  readonly #parts: LiveAgentParts;

  constructor(parts: LiveAgentParts) {
    this.#parts = parts;
    const { segments, hypervisor, config } = parts;
    this.machine = Agent.recover({ segments }, config, systemPrng, machineMonotonicUs());
    hypervisor.onReport = (report) => {
      this.runner.acted({ kind: 'hypervisor', report });
    };
    let fail: (failure: RunnerFailure) => void = () => undefined;
    this.failed = new Promise((resolve) => {
      fail = resolve;
    });
    this.runner = new Runner<never, never, never, never, NoStreams, AgentPortTypes>(
      this.machine,
      {
        segments,
        transport: noPeers,
        act: (act: AgentAct) => {
          this.#act(act);
        },
      },
      { onStop: fail, clock: machineMonotonicUs, wallClock: 'none' },
    );
  }

  start(): void {
    this.runner.start();
  }

  /** Virtual machines go on. */
  async close(): Promise<void> {
    await this.runner.stop();
    this.#parts.hypervisor.close();
  }

  #act(act: AgentAct): void {
    const { hypervisor, servers, storage, watchdog } = this.#parts;
    switch (act.kind) {
      case 'hypervisor':
        hypervisor.act(act.act);
        break;
      case 'callServer': {
        const { callId, server, request, timeoutUs } = act;
        const client = servers[server];
        const asked =
          client === undefined
            ? Promise.reject(new Error(`there is no server ${server}`))
            : client.agent(request, timeoutUs / usPerMs);
        this.#tell(
          asked.then((response) => ({ kind: 'serverAnswered', callId, response: this.#pointed(response) })),
          (reason) => ({ kind: 'serverFailed', callId, reason }),
        );
        break;
      }
      case 'callStorage': {
        const { callId, request, timeoutUs } = act;
        const asked =
          storage === undefined
            ? Promise.reject(new Error('this node is told of no storage node'))
            : storage.request(request, timeoutUs);
        this.#tell(
          asked.then((response) => ({ kind: 'storageAnswered', callId, response })),
          (reason) => ({ kind: 'storageFailed', callId, reason }),
        );
        break;
      }
      case 'callWatchdog': {
        const { callId, request, timeoutUs } = act;
        this.#tell(
          watchdog
            .request(request, timeoutUs / usPerMs)
            .then((response) => ({ kind: 'watchdogAnswered', callId, response })),
          (reason) => ({ kind: 'watchdogFailed', callId, reason }),
        );
        break;
      }
      default:
        unreachable(act);
    }
  }

  /** Who leads is known by his address first: this node may have been told of the servers in another order. */
  #pointed(response: AgentResponse): AgentResponse {
    if (response.kind !== 'refused' || response.leaderAddress === undefined) return response;
    const at = this.#parts.serverAddresses.indexOf(response.leaderAddress);
    return at < 0 ? response : { ...response, leader: at };
  }

  #tell(answer: Promise<AgentReport>, failed: (reason: string) => AgentReport): void {
    void answer
      .catch((error: unknown) => failed(error instanceof Error ? error.message : String(error)))
      .then((report) => {
        this.runner.acted(report);
      });
  }
}
