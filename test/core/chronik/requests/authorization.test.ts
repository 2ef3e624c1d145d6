import { describe, expect, test } from 'vitest';

import {
  aclOperations,
  patternTypes,
  permissionTypes,
  resourceTypes,
} from '../../../../core/chronik/metadata/acl-numbers.ts';
import { type AclLine, Authorization } from '../../../../core/chronik/requests/authorization.ts';

const alice = { principal: 'User:alice', host: '10.0.0.1' };
const bob = { principal: 'User:bob', host: '10.0.0.2' };

function line(over: Partial<AclLine>): AclLine {
  return {
    resourceType: resourceTypes.topic,
    resourceName: 'orders',
    patternType: patternTypes.literal,
    principal: 'User:alice',
    host: '*',
    operation: aclOperations.read,
    permissionType: permissionTypes.allow,
    ...over,
  };
}

function withLines(lines: readonly AclLine[], over: { everyone?: boolean } = {}): Authorization {
  const authorization = new Authorization({
    authorizes: true,
    superUsers: ['User:root'],
    allowEveryoneIfNoAcl: over.everyone === true,
  });
  authorization.replace(lines);
  return authorization;
}

describe('access-control lists, as Kafka’s StandardAuthorizer decides', () => {
  test('nothing is allowed that no line allows, but to super users', () => {
    const authorization = withLines([]);
    expect(authorization.allows(alice, 'read', 'topic', 'orders')).toBe(false);
    expect(authorization.allows({ principal: 'User:root', host: 'x' }, 'read', 'topic', 'orders')).toBe(true);
  });

  test('an allowance is for its principal, its host, its operation and its resource', () => {
    const authorization = withLines([line({ host: '10.0.0.1' })]);
    expect(authorization.allows(alice, 'read', 'topic', 'orders')).toBe(true);
    expect(authorization.allows({ ...alice, host: '10.0.0.9' }, 'read', 'topic', 'orders')).toBe(false);
    expect(authorization.allows(bob, 'read', 'topic', 'orders')).toBe(false);
    expect(authorization.allows(alice, 'write', 'topic', 'orders')).toBe(false);
    expect(authorization.allows(alice, 'read', 'topic', 'invoices')).toBe(false);
    expect(authorization.allows(alice, 'read', 'group', 'orders')).toBe(false);
  });

  test('a denial goes before every allowance, wherever it stands', () => {
    const deny = line({ permissionType: permissionTypes.deny, resourceName: '*', principal: 'User:*' });
    expect(withLines([line({}), deny]).allows(alice, 'read', 'topic', 'orders')).toBe(false);
    expect(withLines([deny, line({})]).allows(alice, 'read', 'topic', 'orders')).toBe(false);
  });

  test.each(['read', 'write', 'delete', 'alter'] as const)('who may %s may describe', (operation) => {
    const allowed = withLines([line({ operation: aclOperations[operation] })]);
    expect(allowed.allows(alice, 'describe', 'topic', 'orders')).toBe(true);
    const denied = withLines([
      line({ operation: aclOperations.describe }),
      line({ operation: aclOperations[operation], permissionType: permissionTypes.deny }),
    ]);
    expect(denied.allows(alice, 'describe', 'topic', 'orders')).toBe(true);
  });

  test('who may alter configurations may describe them, and not the topic', () => {
    const authorization = withLines([line({ operation: aclOperations.alterConfigs })]);
    expect(authorization.allows(alice, 'describeConfigs', 'topic', 'orders')).toBe(true);
    expect(authorization.allows(alice, 'describe', 'topic', 'orders')).toBe(false);
  });

  test('a prefix is of every name that begins with it (KIP-290), and a literal of its own alone', () => {
    const prefixed = withLines([line({ resourceName: 'ord', patternType: patternTypes.prefixed })]);
    expect(prefixed.allows(alice, 'read', 'topic', 'orders')).toBe(true);
    expect(prefixed.allows(alice, 'read', 'topic', 'ord')).toBe(true);
    expect(prefixed.allows(alice, 'read', 'topic', 'or')).toBe(false);
    const literal = withLines([line({ resourceName: 'ord' })]);
    expect(literal.allows(alice, 'read', 'topic', 'orders')).toBe(false);
  });

  test('where everybody may what no list speaks of, a line for somebody else closes the resource', () => {
    expect(withLines([], { everyone: true }).allows(bob, 'read', 'topic', 'orders')).toBe(true);
    expect(withLines([line({})], { everyone: true }).allows(bob, 'read', 'topic', 'orders')).toBe(false);
    expect(withLines([line({})], { everyone: true }).allows(bob, 'read', 'topic', 'other')).toBe(true);
  });

  test('somebody may write to some topic unless a denial covers every allowance (KIP-679)', () => {
    const write = { operation: aclOperations.write };
    const deny = { ...write, permissionType: permissionTypes.deny };
    expect(withLines([line(write)]).allowsSome(alice, 'write', 'topic')).toBe(true);
    expect(withLines([line({})]).allowsSome(alice, 'write', 'topic')).toBe(false);
    expect(withLines([line(write), line(deny)]).allowsSome(alice, 'write', 'topic')).toBe(false);
    const prefix = { resourceName: 'ord', patternType: patternTypes.prefixed };
    expect(withLines([line(write), line({ ...deny, ...prefix })]).allowsSome(alice, 'write', 'topic')).toBe(
      false,
    );
    expect(withLines([line({ ...write, ...prefix }), line(deny)]).allowsSome(alice, 'write', 'topic')).toBe(
      true,
    );
  });

  test('bits say which operations are open (KIP-430)', () => {
    const authorization = withLines([line({})]);
    const bits = (1 << aclOperations.read) | (1 << aclOperations.describe);
    expect(authorization.operationBits(alice, 'topic', 'orders')).toBe(bits);
    expect(authorization.operationBits(bob, 'topic', 'orders')).toBe(0);
  });

  test('without an authorizer everybody may do everything', () => {
    const authorization = new Authorization({
      authorizes: false,
      superUsers: [],
      allowEveryoneIfNoAcl: false,
    });
    authorization.replace([line({ permissionType: permissionTypes.deny })]);
    expect(authorization.allows(alice, 'read', 'topic', 'orders')).toBe(true);
  });
});
