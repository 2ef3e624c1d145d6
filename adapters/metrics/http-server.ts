import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { type AddressInfo } from 'node:net';

import { type Address, formatAddress } from '../config/address.ts';

export interface ObservedProcess {
  scrape(): Promise<{ readonly contentType: string; readonly body: string }>;
  /**
   * Undefined when it is; otherwise why it is not, in a few words.
   *
   * @param excludedAlarms names of alarms that are not to count
   */
  unhealthy(excludedAlarms: readonly string[]): string | undefined;
  /** Undefined when requests would be served now. */
  unready(): string | undefined;
}

/**
 * What operators and balancers ask: `/metrics` (Prometheus), `/health` (etcd's JSON), `/ready`.
 *
 * Health is whether the process should be left alone, readiness whether requests should be sent to it.
 */
export class MetricsServer {
  readonly #server: Server;
  readonly address: Address;

  private constructor(server: Server, address: Address) {
    this.#server = server;
    this.address = address;
  }

  /** @throws Error naming the address when it cannot be listened on */
  static async listen(address: Address, observed: ObservedProcess): Promise<MetricsServer> {
    const server = createServer((request, response) => {
      answerObserved(request.url ?? '/', request, response, observed);
    });
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => {
        reject(
          new Error(`cannot listen for metrics on ${formatAddress(address)}: ${error.message}`, {
            cause: error,
          }),
        );
      });
      server.listen({ host: address.host, port: address.port }, resolve);
    });
    return new MetricsServer(server, { host: address.host, port: (server.address() as AddressInfo).port });
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
      this.#server.closeAllConnections();
    });
  }
}

export function answerObserved(
  url: string,
  request: IncomingMessage,
  response: ServerResponse,
  observed: ObservedProcess,
): void {
  answer(url, request, response, observed).catch((error: unknown) => {
    if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain; charset=utf-8' });
    response.end(`cannot answer: ${(error as Error).message}\n`);
  });
}

async function answer(
  url: string,
  request: IncomingMessage,
  response: ServerResponse,
  observed: ObservedProcess,
): Promise<void> {
  if (request.method !== 'GET' && request.method !== 'HEAD') {
    response.writeHead(405, { allow: 'GET, HEAD' }).end();
    return;
  }
  const [path = '/', query] = url.split('?', 2);
  switch (path) {
    case '/metrics': {
      const { contentType, body } = await observed.scrape();
      response.writeHead(200, { 'content-type': contentType }).end(body);
      return;
    }
    case '/health':
      answerJson(response, 'health', observed.unhealthy(new URLSearchParams(query).getAll('exclude')));
      return;
    case '/ready':
      answerJson(response, 'ready', observed.unready());
      return;
    default:
      response.writeHead(404, { 'content-type': 'text/plain; charset=utf-8' });
      response.end('there are /metrics, /health and /ready\n');
  }
}

/** etcd's shape: the answer is a string, and a reason stands beside a "false". */
function answerJson(response: ServerResponse, question: string, reason: string | undefined): void {
  const body = reason === undefined ? { [question]: 'true' } : { [question]: 'false', reason };
  response.writeHead(reason === undefined ? 200 : 503, { 'content-type': 'application/json' });
  response.end(`${JSON.stringify(body)}\n`);
}
