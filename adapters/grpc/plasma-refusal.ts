import { type ServiceError } from '@grpc/grpc-js';

import { type AgentRefusal } from '../../core/plasma/agent-protocol.ts';
import { type PlasmaRefusal, plasmaRefusalCodes } from '../../core/plasma/api.ts';
import { agentRefusalCodes } from '../../core/plasma/wire/agent.ts';
import { refusalTrailer } from './errors.ts';
import { StatusError, type StatusName } from './status.ts';

/** Refusals of the control plane as statuses: code and leader go in trailers of their own. */
type Code = PlasmaRefusal['code'] | AgentRefusal['code'];

/** Trailer with the position of the leader among the servers. */
const leaderTrailer = 'photon-leader';
/** Trailer with its address, where the server was told the addresses of all. */
const leaderAddressTrailer = 'photon-leader-address';
const addressCharsMax = 300;

const statuses: Readonly<Record<Code, StatusName>> = {
  INVALID: 'INVALID_ARGUMENT',
  NOT_FOUND: 'NOT_FOUND',
  ALREADY_EXISTS: 'ALREADY_EXISTS',
  OPERATION_REUSED: 'FAILED_PRECONDITION',
  QUOTA_EXCEEDED: 'RESOURCE_EXHAUSTED',
  FAILED_PRECONDITION: 'FAILED_PRECONDITION',
  PERMISSION_DENIED: 'PERMISSION_DENIED',
  UNAUTHENTICATED: 'UNAUTHENTICATED',
  NOT_LEADER: 'UNAVAILABLE',
  UNAVAILABLE: 'UNAVAILABLE',
  TOO_MANY_REQUESTS: 'RESOURCE_EXHAUSTED',
  STALE_EPOCH: 'FAILED_PRECONDITION',
  INVENTORY_DUE: 'FAILED_PRECONDITION',
};

export interface PlasmaRefused {
  readonly code: Code;
  readonly message: string;
  readonly leader: number | undefined;
  readonly leaderAddress?: string | undefined;
}

export function statusOfPlasma({ code, message, leader, leaderAddress }: PlasmaRefused): StatusError {
  return new StatusError(statuses[code], message, {
    [refusalTrailer]: code,
    ...(leader === undefined ? {} : { [leaderTrailer]: String(leader) }),
    ...(leaderAddress === undefined ? {} : { [leaderAddressTrailer]: leaderAddress }),
  });
}

/** Undefined: no machine has said so, but the way to it. */
export function userRefusalOf(error: ServiceError): PlasmaRefusal | undefined {
  return refusalOf(error, plasmaRefusalCodes);
}

export function agentRefusalOf(error: ServiceError): AgentRefusal | undefined {
  return refusalOf(error, agentRefusalCodes);
}

function refusalOf<const Known extends Code>(
  error: ServiceError,
  known: readonly Known[],
): (PlasmaRefused & { kind: 'refused'; code: Known }) | undefined {
  const named = error.metadata.get(refusalTrailer)[0]?.toString();
  const code = known.find((one) => one === named);
  if (code === undefined) return undefined;
  const said = error.metadata.get(leaderTrailer)[0]?.toString();
  const leader = said !== undefined && /^[0-9]{1,4}$/.test(said) ? Number(said) : undefined;
  const address = error.metadata.get(leaderAddressTrailer)[0]?.toString();
  const leaderAddress = address !== undefined && address.length <= addressCharsMax ? address : undefined;
  return { kind: 'refused', code, message: error.details, leader, leaderAddress };
}
