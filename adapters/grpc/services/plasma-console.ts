import { type NodeShown, type VmShown } from '../../../core/plasma/api.ts';
import { type Authorizer } from '../../../core/plasma/authorizer.ts';
import {
  consolePath,
  ConsoleRequest,
  ConsoleResponse,
  nodeConsolePath,
  NodeConsoleRequest,
} from '../../../core/plasma/wire/console.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';
import { parseAddress } from '../../config/address.ts';
import { type ClientCredentials } from '../client.ts';
import { PlasmaClient, type PlasmaStream } from '../plasma-client.ts';
import { type CallContext, duplex, type Method } from '../service.ts';
import { StatusError } from '../status.ts';
import { callerOf } from './plasma-caller.ts';
import { ask, type ControlPlaneServices } from './plasma-control.ts';

export interface ConsoleParts extends ControlPlaneServices {
  readonly authorizer: Authorizer;
  /** How agents are spoken to. */
  readonly dial: ClientCredentials | undefined;
}

type Asked = Infer<typeof ConsoleRequest>;
type Typed = Infer<typeof NodeConsoleRequest>;
type Said = Infer<typeof ConsoleResponse>;

/** Of `VmService`: the serial console of a virtual machine, passed on from its node's agent. */
export function consoleMethod(parts: ConsoleParts): Method {
  return duplex(consolePath, ConsoleRequest, ConsoleResponse, (requests, context) =>
    passOn(parts, requests, context),
  );
}

async function* passOn(
  parts: ConsoleParts,
  requests: AsyncIterable<Asked>,
  context: CallContext,
): AsyncIterable<Said> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw new StatusError('INVALID_ARGUMENT', 'the first message says which console');
  const { vm, address } = await placeOf(parts, first.value, context);
  const client = new PlasmaClient({ address, tls: parts.dial });
  const stream: PlasmaStream<Typed, Said> = client.stream(
    nodeConsolePath,
    NodeConsoleRequest,
    ConsoleResponse,
  );
  const gone = (): void => {
    stream.cancel();
  };
  context.signal.addEventListener('abort', gone, { once: true });
  try {
    await stream.write({ vm: vm.id, fenceToken: vm.fenceToken ?? 0, input: first.value.input });
    void typeOn(iterator, stream);
    for await (const said of stream.responses) yield said;
  } catch (error) {
    if (context.signal.aborted) return;
    throw new StatusError('UNAVAILABLE', `the console of ${vm.spec.name}: ${(error as Error).message}`);
  } finally {
    context.signal.removeEventListener('abort', gone);
    stream.cancel();
    client.close();
  }
}

async function typeOn(iterator: AsyncIterator<Asked>, stream: PlasmaStream<Typed, Said>): Promise<void> {
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
      await stream.write({ vm: '', fenceToken: 0, input: next.value.input });
    stream.end();
  } catch {
    // What is typed cannot be read: the console's user is gone, or speaks nonsense. Its output need not go on.
    stream.cancel();
  }
}

async function placeOf(
  parts: ConsoleParts,
  { project, vm: named }: Asked,
  context: CallContext,
): Promise<{ readonly vm: VmShown; readonly address: { readonly host: string; readonly port: number } }> {
  const caller = callerOf(context, parts.secured);
  const refusal = parts.authorizer.refuses(caller, { service: 'console', vm: named, project });
  if (refusal !== undefined) throw new StatusError('PERMISSION_DENIED', refusal);
  const found = await ask(
    parts,
    { caller, call: { service: 'user', request: { kind: 'vmGet', project, vm: named } } },
    context,
  );
  const vm = found.kind === 'vms' ? found.vms[0] : undefined;
  if (vm === undefined)
    throw new StatusError('NOT_FOUND', `there is no virtual machine ${named} in ${project}`);
  if (vm.node === undefined || vm.fenceToken === undefined)
    throw new StatusError('FAILED_PRECONDITION', `${vm.spec.name} is on no node`);
  const listed = await ask(
    parts,
    { caller, call: { service: 'user', request: { kind: 'nodeList' } } },
    context,
  );
  const node: NodeShown | undefined =
    listed.kind === 'nodes' ? listed.nodes.find(({ name }) => name === vm.node) : undefined;
  const address = node === undefined ? undefined : parseAddress(node.address);
  if (address === undefined)
    throw new StatusError('UNAVAILABLE', `nobody knows where ${vm.node} is asked for consoles`);
  return { vm, address };
}
