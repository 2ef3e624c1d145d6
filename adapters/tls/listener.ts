import { createServer, type Server, type Socket } from 'node:net';
import { createServer as createTlsServer, type SecureContextOptions, type TlsOptions } from 'node:tls';

import { type TlsMaterial } from './pem-files.ts';

export interface ServerTls {
  /**
   * Asked before every handshake: it may be another than before. Without authorities nobody asks clients for a certificate, and
   * that does not change.
   */
  readonly material: () => TlsMaterial;
  /** A client without a certificate is refused. Where not: one that it shows must be good all the same. */
  readonly clientCertRequired: boolean;
  /** Protocols to offer by ALPN, the best first. */
  readonly alpn: readonly string[];
}

export interface ListenerOptions {
  /** Undefined: plain TCP. */
  readonly tls: ServerTls | undefined;
  /** Every socket, before anything is known of it: to be counted and, in the end, destroyed. */
  readonly onSocket: (socket: Socket) => void;
  /** Called with what is to be read and written; over TLS once the handshake is good. */
  readonly onConnection: (socket: Socket) => void;
  /** A handshake that failed, or a certificate that nobody vouches for. */
  readonly onRefused: (remote: string, reason: string) => void;
}

const handshakeMs = 10_000;

/** A listener, over TLS or plain: whoever takes its connections need not know. */
export function createListener({ tls, onSocket, onConnection, onRefused }: ListenerOptions): Server {
  if (tls === undefined) {
    return createServer({ noDelay: true }, (socket) => {
      onSocket(socket);
      onConnection(socket);
    });
  }
  let material = tls.material();
  const options: TlsOptions = {
    ...contextOf(material),
    requestCert: material.ca !== undefined,
    // Where no certificate is demanded, a bad one is still refused, below.
    rejectUnauthorized: tls.clientCertRequired,
    handshakeTimeout: handshakeMs,
    ...(tls.alpn.length === 0 ? {} : { ALPNProtocols: [...tls.alpn] }),
  };
  const server = createTlsServer(options, (socket) => {
    const shown = socket.getPeerX509Certificate();
    if (material.ca !== undefined && shown !== undefined && !socket.authorized) {
      onRefused(remoteOf(socket), textOf(socket.authorizationError) ?? 'its certificate is not good');
      socket.destroy();
      return;
    }
    socket.setNoDelay(true);
    onSocket(socket);
    onConnection(socket);
  });
  server.on('connection', onSocket);
  // Before the server's own listener begins the handshake.
  server.prependListener('connection', () => {
    const present = tls.material();
    if (present === material) return;
    material = present;
    server.setSecureContext(contextOf(present));
  });
  server.on('tlsClientError', (error, socket) => {
    // What was wrong with a certificate, or OpenSSL's own word: its message names source files.
    const { reason } = error as Error & { readonly reason?: string };
    onRefused(remoteOf(socket), textOf(socket.authorizationError) ?? reason ?? error.message);
    socket.destroy();
  });
  return server;
}

function contextOf({ cert, key, ca }: TlsMaterial): SecureContextOptions {
  return { cert, key, minVersion: 'TLSv1.2', ...(ca === undefined ? {} : { ca }) };
}

function remoteOf(socket: Socket): string {
  return `${socket.remoteAddress ?? 'unknown'}:${socket.remotePort ?? 0}`;
}

/** Typed as an error, it is OpenSSL's code for what was wrong. */
function textOf(authorizationError: unknown): string | undefined {
  if (typeof authorizationError === 'string') return authorizationError;
  return authorizationError instanceof Error ? authorizationError.message : undefined;
}
