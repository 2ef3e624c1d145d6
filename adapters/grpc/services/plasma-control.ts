import { assert } from '../../../core/base/assert.ts';
import { type AgentRequest, type AgentResponse } from '../../../core/plasma/agent-protocol.ts';
import { type PlasmaRequest, type PlasmaResponse } from '../../../core/plasma/api.ts';
import {
  type ControlPlaneRequest,
  type ControlPlaneResponse,
} from '../../../core/plasma/control-plane/protocol.ts';
import { agentMethods, agentServiceName } from '../../../core/plasma/wire/agent.ts';
import { plasmaServiceNames, userMethods } from '../../../core/plasma/wire/user.ts';
import { type CancelSignal } from '../../runner/cancellation.ts';
import { RunnerError } from '../../runner/runner-error.ts';
import { statusOfPlasma } from '../plasma-refusal.ts';
import { type CallContext, type Method, type Service, unary } from '../service.ts';
import { StatusError } from '../status.ts';
import { callerOf } from './plasma-caller.ts';

/** A server of the control plane as the services need it. */
export interface ControlPlanePort {
  request(request: ControlPlaneRequest, signal?: CancelSignal): Promise<ControlPlaneResponse>;
}

export interface ControlPlaneServices {
  readonly port: ControlPlanePort;
  /** Callers show certificates that somebody vouches for. */
  readonly secured: boolean;
  /** Addresses of the servers, by position: who leads is named by his. What is not known is left out. */
  readonly servers: readonly string[];
}

/**
 * `VmService`, `NodeService`, `ImageService` and `AgentService` of `photon.plasma.v1`: the machine's requests, one method each.
 *
 * @param further methods that are no request of the machine, by service
 */
export function plasmaControlServices(
  services: ControlPlaneServices,
  further: Readonly<Record<string, readonly Method[]>> = {},
): readonly Service[] {
  const { secured } = services;
  const names = [...plasmaServiceNames, agentServiceName];
  return names.map((name) => ({
    name,
    methods: [
      ...Object.values(userMethods)
        .filter(({ service }) => service === name)
        .map(({ path, request, response }) =>
          unary<PlasmaRequest, PlasmaResponse>(path, request, response, async (asked, context) => {
            const call = { service: 'user', request: asked } as const;
            return (await ask(
              services,
              { caller: callerOf(context, secured), call },
              context,
            )) as PlasmaResponse;
          }),
        ),
      ...Object.values(agentMethods)
        .filter(({ service }) => service === name)
        .map(({ path, request, response }) =>
          unary<AgentRequest, AgentResponse>(path, request, response, async (asked, context) => {
            const call = { service: 'agent', request: asked } as const;
            return (await ask(
              services,
              { caller: callerOf(context, secured), call },
              context,
            )) as AgentResponse;
          }),
        ),
      ...(further[name] ?? []),
    ],
  }));
}

/** @throws StatusError for what is refused */
export async function ask(
  { port, servers }: Pick<ControlPlaneServices, 'port' | 'servers'>,
  request: ControlPlaneRequest,
  { signal }: Pick<CallContext, 'signal'>,
): Promise<Exclude<ControlPlaneResponse, { kind: 'refused' }>> {
  let response: ControlPlaneResponse;
  try {
    response = await port.request(request, signal);
  } catch (error) {
    if (signal.aborted) throw new StatusError('CANCELLED', 'the other side is gone');
    if (!(error instanceof RunnerError)) throw error;
    throw statusOfPlasma({ code: 'UNAVAILABLE', message: error.message, leader: undefined });
  }
  if (response.kind === 'refused') {
    const { leader } = response;
    throw statusOfPlasma({
      ...response,
      leaderAddress: leader === undefined ? undefined : servers[leader],
    });
  }
  assert(response.kind !== undefined, 'an answer says what it is');
  return response;
}
