import { type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';

import { answerObserved, type ObservedProcess } from '../metrics/http-server.ts';
import { type Gateway } from './gateway.ts';
import { answerJson, answerPlain } from './http-answers.ts';
import { isGatewayPath } from './routes.ts';

export interface ClientHttpOptions {
  readonly gateway: Gateway;
  readonly observed: ObservedProcess;
  /** Of etcd's interface: the same that Status tells. */
  readonly version: string;
}

/** What clients find over HTTP on their port, as at etcd: the gateway, `/version`, `/health`, `/metrics`. */
export function clientHttp({ gateway, observed, version }: ClientHttpOptions): RequestListener {
  const [major = '', minor = ''] = version.split('.');
  const versions = { etcdserver: version, etcdcluster: `${major}.${minor}.0` };
  return (request: IncomingMessage, response: ServerResponse) => {
    // A client that goes while it is written to has told so by closing; nobody else need hear of it.
    response.on('error', () => undefined);
    request.on('error', () => undefined);
    const path = request.url?.split('?')[0] ?? '/';
    if (isGatewayPath(path)) gateway.serve(path, request, response);
    else if (path !== '/version') answerObserved(request.url ?? '/', request, response, observed);
    else if (request.method !== 'GET') answerPlain(response, 405, { allow: 'GET' });
    else answerJson(response, 200, versions);
  };
}
