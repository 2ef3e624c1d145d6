import {
  PlasmaServer,
  type PlasmaServerEffect,
  type PlasmaServerEvent,
} from '../../../core/cloud/plasma-server.ts';
import { defaultClientConfig } from '../../../core/chainfire/client/client.ts';
import { type ControlPlaneResponse } from '../../../core/plasma/control-plane/protocol.ts';
import { type ControlPlaneRequest } from '../../../core/plasma/control-plane/protocol.ts';
import { defaultControlPlaneSettings } from '../../../core/plasma/control-plane/settings.ts';
import { seededPrng } from '../../../sim/prng.ts';
import { type TestCluster } from '../chainfire/cluster.ts';

const stepUs = 1_000;

/** Servers of the control plane and the members of their store, on one clock. */
export class ServersOverMembers {
  readonly cluster: TestCluster;
  readonly servers: (PlasmaServer | undefined)[];
  readonly answers = new Map<number, ControlPlaneResponse>();
  #requests = 0;
  /** Attempts under way, by the request at the member. */
  #attempts: { readonly server: number; readonly attemptId: number; readonly requestId: number }[] = [];

  constructor(cluster: TestCluster, servers: number) {
    this.cluster = cluster;
    this.servers = Array.from({ length: servers }, (_, server) => {
      const chainfire = { ...defaultClientConfig, endpoints: cluster.nodes.size };
      const controlPlane = { ...defaultControlPlaneSettings, server };
      const prng = seededPrng(`server ${server}`);
      return new PlasmaServer({ controlPlane, chainfire }, { refuses: () => undefined }, prng, cluster.nowUs);
    });
  }

  get leader(): number | undefined {
    const at = this.servers.findIndex((server) => server?.status.role === 'leading');
    return at < 0 ? undefined : at;
  }

  crash(server: number): void {
    this.servers[server] = undefined;
    this.#attempts = this.#attempts.filter((attempt) => attempt.server !== server);
  }

  runUntil(condition: () => boolean, withinUs = 30_000_000): void {
    const endUs = this.cluster.nowUs + withinUs;
    while (!condition()) {
      if (this.cluster.nowUs > endUs) throw new Error('it does not come to pass');
      this.#turn();
    }
  }

  ask(server: number, request: ControlPlaneRequest): ControlPlaneResponse {
    this.#requests += 1;
    const requestId = this.#requests;
    this.#step(server, { kind: 'requested', requestId, request });
    this.runUntil(() => this.answers.has(requestId));
    return this.answers.get(requestId) as ControlPlaneResponse;
  }

  #turn(): void {
    this.cluster.run(stepUs);
    for (const attempt of [...this.#attempts]) {
      const response = this.cluster.replies.get(attempt.requestId);
      if (response === undefined) continue;
      this.#attempts = this.#attempts.filter((one) => one !== attempt);
      const report = { kind: 'answered', attemptId: attempt.attemptId, response } as const;
      this.#step(attempt.server, { kind: 'acted', report });
    }
    for (const [at, server] of this.servers.entries()) {
      if (server !== undefined && server.deadlineUs <= this.cluster.nowUs) this.#step(at, { kind: 'tick' });
    }
  }

  #step(server: number, event: PlasmaServerEvent): void {
    const machine = this.servers[server];
    if (machine === undefined) throw new Error(`server ${server} is down`);
    for (const effect of machine.step(event, this.cluster.nowUs)) this.#carryOut(server, effect);
  }

  #carryOut(server: number, effect: PlasmaServerEffect): void {
    if (effect.kind === 'reply') {
      this.answers.set(effect.requestId, effect.response);
      return;
    }
    const { act } = effect;
    if (act.kind === 'attempt') {
      const requestId = this.cluster.send(act.endpoint + 1, act.request);
      this.#attempts.push({ server, attemptId: act.attemptId, requestId });
    } else if (act.kind === 'abandon') {
      this.#attempts = this.#attempts.filter(
        (one) => one.server !== server || one.attemptId !== act.attemptId,
      );
    }
  }
}
