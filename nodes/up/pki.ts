import { resolve } from 'node:path';

import { Authority, type PemFiles } from '../../adapters/pki/authority.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { chainfireSystem } from '../chainfire/system.ts';
import { authorityDays, certificateDays, clientRequest, nodeRequest } from '../pki/requests.ts';
import { type PlannedProcess } from './plan.ts';

/** A certificate that is good for less is replaced at the next start. */
const remainingDaysMin = 30;

export interface SecuredCloud {
  readonly processes: readonly PlannedProcess[];
  readonly caFile: string;
  /** For whoever tries the cloud out. */
  readonly client: PemFiles;
}

/**
 * Gives every process a certificate of an authority of this cloud's own, which is made at the first start.
 *
 * @throws ExitError when the directory cannot be used
 */
export function secured(processes: readonly PlannedProcess[], dir: string): SecuredCloud {
  try {
    const authority = Authority.isIn(dir)
      ? Authority.open(dir)
      : Authority.create(dir, 'PhotonCloud development authority', authorityDays);
    const caFile = resolve(authority.certFile);
    const client = authority.keepIssued('client', clientRequest('client', certificateDays), remainingDaysMin);
    const withTls = processes.map((planned) => {
      const { system, name } = planned;
      const hosts = [...new Set([planned.client.host, 'localhost'])];
      const request = nodeRequest({ system, node: name }, hosts, certificateDays);
      const file = system === chainfireSystem ? name : `${system}-${name}`;
      return { ...planned, tls: { ...authority.keepIssued(file, request, remainingDaysMin), caFile } };
    });
    return { processes: withTls, caFile, client };
  } catch (error) {
    throw new ExitError(`photon up: ${(error as Error).message}`, exitCodes.refused, { cause: error });
  }
}
