import { unreachable } from '../base/assert.ts';
import { type Caller, type PlasmaRequest } from './api.ts';
import { type Authorizer, type GuardedCall } from './authorizer.ts';

/** Whoever reaches a process that speaks plain text, which it does on addresses of its own machine alone. */
export const localIdentity = 'photon://local/anonymous';
const userPrefix = 'photon://user/';
const plasmaPrefix = 'photon://plasma/';

export interface DefaultAuthorizerOptions {
  /** Names of users who may do everything that users can. */
  readonly operators: readonly string[];
}

/**
 * Who may do what where no IAM says so. Operators: whatever users can ask. A user: what is in the project of his own name, and to
 * see nodes. An agent: to speak for its own node, and what its work needs. Nobody else may do anything.
 */
export class DefaultAuthorizer implements Authorizer {
  readonly #operators: ReadonlySet<string>;

  constructor({ operators }: DefaultAuthorizerOptions) {
    this.#operators = new Set(operators);
  }

  refuses({ identity }: Caller, call: GuardedCall): string | undefined {
    if (identity === localIdentity) return undefined;
    if (identity.startsWith(plasmaPrefix)) return refusesNode(identity.slice(plasmaPrefix.length), call);
    if (identity.startsWith(userPrefix)) return this.#refusesUser(identity.slice(userPrefix.length), call);
    return identity === ''
      ? 'a certificate is needed'
      : `${identity} is neither a user (${userPrefix}…) nor a process of PlasmaVMC (${plasmaPrefix}…)`;
  }

  #refusesUser(user: string, call: GuardedCall): string | undefined {
    switch (call.service) {
      case 'agent':
      case 'storage':
        return `only agents may ask that, not the user ${user}`;
      case 'image':
        return undefined;
      case 'console':
        return this.#operators.has(user) ? undefined : refusesProject(user, call.project);
      case 'user':
        return this.#operators.has(user) ? undefined : refusesRequest(user, call.request);
      default:
        return unreachable(call);
    }
  }
}

function refusesNode(node: string, call: GuardedCall): string | undefined {
  switch (call.service) {
    case 'agent':
      return call.request.node === node ? undefined : `${node} may not speak for ${call.request.node}`;
    case 'storage':
      return undefined;
    // A server passes on what its user types; it has asked whether he may.
    case 'console':
      return undefined;
    case 'image':
      return call.write ? `${node} may not bring in images` : undefined;
    case 'user':
      return `${node} is no user`;
    default:
      return unreachable(call);
  }
}

function refusesRequest(user: string, request: PlasmaRequest): string | undefined {
  switch (request.kind) {
    case 'nodeList':
      return undefined;
    case 'nodeCordon':
    case 'nodeUncordon':
    case 'nodeDrain':
    case 'nodeFence':
    case 'nodeForget':
    case 'quotaSet':
      return `only operators may ask for ${request.kind}, and ${user} is none`;
    default:
      return refusesProject(user, request.project);
  }
}

function refusesProject(user: string, project: string): string | undefined {
  return project === user ? undefined : `${user} may ask for the project ${user}, not for ${project}`;
}
