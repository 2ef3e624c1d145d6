import { type AgentRequest } from './agent-protocol.ts';
import { type Caller, type PlasmaRequest } from './api.ts';
import { type StorageRequest } from './storage-protocol.ts';

/** Everything that somebody may be allowed to ask. */
export type GuardedCall =
  | { readonly service: 'user'; readonly request: PlasmaRequest }
  | { readonly service: 'agent'; readonly request: AgentRequest }
  | { readonly service: 'storage'; readonly request: StorageRequest }
  | { readonly service: 'console'; readonly vm: string; readonly project: string }
  | { readonly service: 'image'; readonly digest: string; readonly write: boolean };

/** Guards every call, before anything else looks at it. Pure: it is asked inside machines as well. */
export interface Authorizer {
  /** @returns undefined when it is allowed, else why not, for the caller to read */
  refuses(caller: Caller, call: GuardedCall): string | undefined;
}
