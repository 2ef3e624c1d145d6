import { describe, expect, test } from 'vitest';

import { type AgentRequest } from '../../../core/plasma/agent-protocol.ts';
import { type GuardedCall } from '../../../core/plasma/authorizer.ts';
import { DefaultAuthorizer, localIdentity } from '../../../core/plasma/default-authorizer.ts';

const authorizer = new DefaultAuthorizer({ operators: ['root'] });
const user = (project: string): GuardedCall => ({
  service: 'user',
  request: { kind: 'vmStart', operationId: 'o', project, vm: 'v' },
});
const fence: GuardedCall = {
  service: 'user',
  request: { kind: 'nodeFence', operationId: 'o', project: 'alice', node: 'n1', epoch: 1 },
};
const renewal = (node: string): GuardedCall => {
  const request: AgentRequest = { kind: 'renewLease', node, epoch: 1, sequence: 1, appliedRevision: 0 };
  return { service: 'agent', request };
};
const refuses = (identity: string, call: GuardedCall): string | undefined =>
  authorizer.refuses({ identity }, call);

describe('the default authorizer', () => {
  test('lets everybody do everything where nobody is known, on the own machine', () => {
    for (const call of [user('a'), fence, renewal('n1')])
      expect(refuses(localIdentity, call)).toBeUndefined();
  });

  test('lets an agent speak for its own node alone, and for no user', () => {
    expect(refuses('photon://plasma/n1', renewal('n1'))).toBeUndefined();
    expect(refuses('photon://plasma/n1', renewal('n2'))).toBe('n1 may not speak for n2');
    expect(refuses('photon://plasma/n1', user('n1'))).toBe('n1 is no user');
    const image = { service: 'image', digest: 'd', write: true } as const;
    expect(refuses('photon://plasma/n1', image)).toBe('n1 may not bring in images');
    expect(refuses('photon://plasma/n1', { ...image, write: false })).toBeUndefined();
  });

  test('lets a user work in the project of his name, and operators everywhere', () => {
    expect(refuses('photon://user/alice', user('alice'))).toBeUndefined();
    expect(refuses('photon://user/alice', user('bob'))).toBe(
      'alice may ask for the project alice, not for bob',
    );
    expect(refuses('photon://user/alice', fence)).toBe(
      'only operators may ask for nodeFence, and alice is none',
    );
    for (const call of [user('bob'), fence]) expect(refuses('photon://user/root', call)).toBeUndefined();
    const console = { service: 'console', vm: 'v', project: 'bob' } as const;
    expect(refuses('photon://user/alice', console)).toBeDefined();
    expect(refuses('photon://user/root', console)).toBeUndefined();
  });

  test('never lets a user speak for a node', () => {
    expect(refuses('photon://user/root', renewal('root'))).toBe(
      'only agents may ask that, not the user root',
    );
  });

  test.each(['', 'photon://chainfire/a', 'photon://local/anonymous2', 'root'])(
    'knows nobody as %j',
    (who) => {
      expect(refuses(who, user('root'))).toBeDefined();
      expect(refuses(who, renewal('a'))).toBeDefined();
    },
  );
});
