import { isIP, type Socket } from 'node:net';
import { connect, TLSSocket } from 'node:tls';

import { identityOf, identityUri } from '../tls/identity.ts';
import { type TlsMaterial } from '../tls/pem-files.ts';
import { type Dial } from './link.ts';

/** Peers show each other certificates of one authority, in which they are named as nodes of the same system. */
export interface PeerTls {
  /** Asked before every handshake: it may be another than before. */
  readonly material: () => TlsMaterial;
  /** The system: an authority vouches for other processes and for clients too. */
  readonly system: string;
}

/**
 * Whoever answers is known by the name in its certificate, not by the address at which it was found: members move, and the
 * authority that vouches for them is this cloud's own.
 */
export function dialTls(tls: PeerTls): Dial {
  return ({ host, port }, name) => {
    const { cert, key, ca } = tls.material();
    return connect({
      ...{ host, port, cert, key, minVersion: 'TLSv1.2' },
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ...(ca === undefined ? {} : { ca }),
      checkServerIdentity: (_, certificate) => {
        const stranger =
          strangerIn(certificate.subjectaltname, tls.system) ?? otherThan(name, certificate.subjectaltname);
        return stranger === undefined ? undefined : new Error(stranger);
      },
    }).setNoDelay(true);
  };
}

/** Why the other side may not speak as a peer; undefined when it may. What is not TLS was not asked for. */
export function strangerBehind(socket: Socket, system: string): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  return strangerIn(socket.getPeerX509Certificate()?.subjectAltName, system);
}

/** Who the other side is by its certificate; undefined for what is not TLS. */
export function nodeBehind(socket: Socket): string | undefined {
  if (!(socket instanceof TLSSocket)) return undefined;
  return identityOf(socket.getPeerX509Certificate()?.subjectAltName)?.node;
}

function strangerIn(subjectAltName: string | undefined, system: string): string | undefined {
  const identity = identityOf(subjectAltName);
  if (identity?.system === system) return undefined;
  const expected = identityUri({ system, node: '<node>' });
  return identity === undefined
    ? `its certificate names no node: a peer is named ${expected}`
    : `its certificate is ${identityUri(identity)}: a peer is named ${expected}`;
}

/** @param name undefined: any will do */
function otherThan(name: string | undefined, subjectAltName: string | undefined): string | undefined {
  const identity = identityOf(subjectAltName);
  if (name === undefined || identity === undefined || identity.node === name) return undefined;
  return `its certificate is ${identityUri(identity)}, where member ${name} is expected`;
}
