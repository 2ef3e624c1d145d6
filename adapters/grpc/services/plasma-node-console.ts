import { type Authorizer } from '../../../core/plasma/authorizer.ts';
import { type FenceToken, type VmId } from '../../../core/plasma/types.ts';
import {
  ConsoleResponse,
  nodeConsolePath,
  NodeConsoleRequest,
  nodeConsoleServiceName,
} from '../../../core/plasma/wire/console.ts';
import { type Infer } from '../../../core/wire/protobuf.ts';
import { ConsoleBehindError, ConsoleFullError, type ConsoleStream } from '../../qemu/consoles.ts';
import { type CallContext, duplex, type Service } from '../service.ts';
import { StatusError } from '../status.ts';
import { callerOf } from './plasma-caller.ts';

export interface NodeConsoleParts {
  readonly authorizer: Authorizer;
  readonly secured: boolean;
  open(vm: VmId, fenceToken: FenceToken): Promise<ConsoleStream>;
}

type Typed = Infer<typeof NodeConsoleRequest>;
type Said = Infer<typeof ConsoleResponse>;

/** `photon.plasma.v1.NodeConsoleService`: servers ask agents for a virtual machine's console. Whoever has it open may type. */
export function nodeConsoleService(parts: NodeConsoleParts): Service {
  return {
    name: nodeConsoleServiceName,
    methods: [
      duplex(nodeConsolePath, NodeConsoleRequest, ConsoleResponse, (requests, context) =>
        serve(parts, requests, context),
      ),
    ],
  };
}

async function* serve(
  parts: NodeConsoleParts,
  requests: AsyncIterable<Typed>,
  context: CallContext,
): AsyncIterable<Said> {
  const iterator = requests[Symbol.asyncIterator]();
  const first = await iterator.next();
  if (first.done === true) throw new StatusError('INVALID_ARGUMENT', 'the first message says which console');
  const { vm, fenceToken, input } = first.value;
  const refusal = parts.authorizer.refuses(callerOf(context, parts.secured), {
    ...{ service: 'console', vm, project: '' },
  });
  if (refusal !== undefined) throw new StatusError('PERMISSION_DENIED', refusal);
  if (!/^vm-[0-9a-f]{32}$/.test(vm)) throw new StatusError('INVALID_ARGUMENT', 'vm is vm- and 32 hex digits');
  let console: ConsoleStream | undefined;
  const gone = (): void => console?.close();
  context.signal.addEventListener('abort', gone, { once: true });
  try {
    console = await opened(parts, vm, fenceToken);
    if (context.signal.aborted) return;
    await console.type(input);
    void typeOn(iterator, console);
    for await (const output of console.said) yield { output };
  } catch (error) {
    if (error instanceof ConsoleBehindError) throw new StatusError('RESOURCE_EXHAUSTED', error.message);
    throw error;
  } finally {
    context.signal.removeEventListener('abort', gone);
    console?.close();
  }
}

async function opened(parts: NodeConsoleParts, vm: VmId, fenceToken: FenceToken): Promise<ConsoleStream> {
  try {
    return await parts.open(vm, fenceToken);
  } catch (error) {
    if (error instanceof ConsoleFullError) throw new StatusError('RESOURCE_EXHAUSTED', error.message);
    throw new StatusError('FAILED_PRECONDITION', `it does not run here: ${(error as Error).message}`);
  }
}

async function typeOn(iterator: AsyncIterator<Typed>, console: ConsoleStream): Promise<void> {
  try {
    for (let next = await iterator.next(); next.done !== true; next = await iterator.next())
      await console.type(next.value.input);
  } catch {
    // What is typed cannot be read: whoever types is gone.
    console.close();
  }
}
