import { AuthQuery, authQuestions } from '../../../core/chainfire/auth/protocol.ts';
import { type CallContext, type Method, type Service } from '../service.ts';
import { ask, type MemberPort } from './member-port.ts';

/** Methods of the Maintenance service that the machine itself does not carry out. */
const guardedMethods = new Set(['Snapshot', 'Defragment', 'Downgrade']);

/** The service, with what only root may do put before the member first. */
export function administered(service: Service, member: MemberPort): Service {
  return { ...service, methods: service.methods.map((method) => guarded(method, member)) };
}

function guarded(method: Method, member: MemberPort): Method {
  if (!guardedMethods.has(method.path.slice(method.path.lastIndexOf('/') + 1))) return method;
  switch (method.kind) {
    case 'unary':
      return {
        ...method,
        handle: async (request: unknown, context: CallContext) => {
          await requireRoot(member, context);
          return method.handle(request, context);
        },
      };
    case 'serverStream':
      return {
        ...method,
        handle: async function* (request: unknown, context: CallContext) {
          await requireRoot(member, context);
          yield* method.handle(request, context);
        },
      };
    case 'push':
      return {
        ...method,
        handle: async (requests, sink, context) => {
          await requireRoot(member, context);
          return method.handle(requests, sink, context);
        },
      };
    default:
      return method;
  }
}

/** @throws StatusError where authentication is enabled and the caller has not the root role */
export async function requireRoot(member: MemberPort, context: CallContext): Promise<void> {
  const request = AuthQuery.create({ question: authQuestions.root });
  await ask<'authQuery'>(member, { kind: 'authQuery', request }, context);
}
