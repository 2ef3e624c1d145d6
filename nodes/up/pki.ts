import { resolve } from 'node:path';

import { Authority, type PemFiles } from '../../adapters/pki/authority.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { chainfireSystem } from '../chainfire/system.ts';
import { authorityDays, certificateDays, clientRequest, nodeRequest } from '../pki/requests.ts';
import { type PlannedMember } from './plan.ts';

/** A certificate that is good for less is replaced at the next start. */
const remainingDaysMin = 30;

export interface SecuredCloud {
  readonly members: readonly PlannedMember[];
  readonly caFile: string;
  /** For whoever tries the cloud out. */
  readonly client: PemFiles;
}

/**
 * Gives every member a certificate of an authority of this cloud's own, which is made at the first start.
 *
 * @throws ExitError when the directory cannot be used
 */
export function secured(members: readonly PlannedMember[], dir: string): SecuredCloud {
  try {
    const authority = Authority.isIn(dir)
      ? Authority.open(dir)
      : Authority.create(dir, 'PhotonCloud development authority', authorityDays);
    const caFile = resolve(authority.certFile);
    const client = authority.keepIssued('client', clientRequest('client', certificateDays), remainingDaysMin);
    const withTls = members.map((member) => {
      const hosts = [...new Set([member.client.host, 'localhost'])];
      const identity = { system: chainfireSystem, node: member.name };
      const request = nodeRequest(identity, hosts, certificateDays);
      return { ...member, tls: { ...authority.keepIssued(member.name, request, remainingDaysMin), caFile } };
    });
    return { members: withTls, caFile, client };
  } catch (error) {
    throw new ExitError(`photon up: ${(error as Error).message}`, exitCodes.refused, { cause: error });
  }
}
