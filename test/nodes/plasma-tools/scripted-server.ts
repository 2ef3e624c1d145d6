import { formatAddress } from '../../../adapters/config/address.ts';
import { GrpcServer } from '../../../adapters/grpc/server.ts';
import { type Method } from '../../../adapters/grpc/service.ts';
import { plasmaControlServices } from '../../../adapters/grpc/services/plasma-control.ts';
import { type PlasmaRequest, type PlasmaResponse } from '../../../core/plasma/api.ts';
import { vmServiceName } from '../../../core/plasma/wire/user.ts';
import { type PlasmaOptions } from '../../../nodes/plasma-tools/session.ts';

/** A server of the control plane as its callers see it, which answers what the test says. */
export class ScriptedServer {
  readonly asked: PlasmaRequest[] = [];
  /** By position; whoever leads is named by it. */
  servers: readonly string[] = [];
  #grpc: GrpcServer | undefined;

  static async listen(
    answer: (request: PlasmaRequest) => PlasmaResponse | Promise<PlasmaResponse>,
    further: readonly Method[] = [],
  ): Promise<ScriptedServer> {
    const server = new ScriptedServer();
    const parts = {
      port: {
        request: async ({ call }: { call: { service: string; request: unknown } }) => {
          const request = call.request as PlasmaRequest;
          server.asked.push(request);
          return answer(request);
        },
      },
      secured: false,
      get servers(): readonly string[] {
        return server.servers;
      },
    };
    server.#grpc = await GrpcServer.listen({
      address: { host: '127.0.0.1', port: 0 },
      purpose: 'a test',
      services: plasmaControlServices(parts, { [vmServiceName]: further }),
      receiveBytesMax: 1_048_576,
      hooks: {
        onDefect: (path, error) => {
          throw new Error(`${path} has failed`, { cause: error });
        },
      },
    });
    return server;
  }

  get address(): string {
    if (this.#grpc === undefined) throw new Error('it does not listen yet');
    return formatAddress(this.#grpc.address);
  }

  async stop(): Promise<void> {
    await this.#grpc?.stop(0);
  }
}

/** @param timeout seconds */
export function optionsFor(endpoints: string, timeout = 20): PlasmaOptions {
  return { endpoints, project: 'blue', timeout };
}
