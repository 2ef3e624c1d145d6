import * as auth from './auth-messages.ts';
import * as cluster from './cluster-messages.ts';
import { type JsonMessage } from './json-message.ts';
import * as kv from './kv-messages.ts';
import * as lease from './lease-messages.ts';
import * as recipes from './recipe-messages.ts';
import * as watch from './watch-messages.ts';

const messages = new Map<string, JsonMessage<unknown>>();
for (const message of [kv, lease, watch, cluster, recipes, auth].flatMap((file): JsonMessage<unknown>[] =>
  Object.values(file),
)) {
  messages.set(message.message, message);
}

/** @param name of a service's codec; undefined for a message that JSON knows nothing of */
export function jsonMessageNamed(name: string): JsonMessage<unknown> | undefined {
  return messages.get(name);
}
