import { type Caller } from '../../../core/plasma/api.ts';
import { localIdentity } from '../../../core/plasma/default-authorizer.ts';
import { identityUri } from '../../tls/identity.ts';
import { type CallContext } from '../service.ts';

/**
 * Who asks, by his certificate: its URI name, else the user of its common name. Without TLS nobody shows one: then whoever
 * reaches the process is `localIdentity`.
 */
export function callerOf(context: CallContext, secured: boolean): Caller {
  if (!secured) return { identity: localIdentity };
  const { certificateIdentity, certificateName } = context;
  if (certificateIdentity !== undefined) return { identity: identityUri(certificateIdentity) };
  if (certificateName === undefined || certificateName === '') return { identity: '' };
  return { identity: `photon://user/${certificateName}` };
}
