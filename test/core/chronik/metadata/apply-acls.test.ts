import { expect, test } from 'vitest';
import {
  aclOperations,
  patternTypes,
  permissionTypes,
  resourceTypes,
} from '../../../../core/chronik/metadata/acl-numbers.ts';
import { AclFilter } from '../../../../core/chronik/metadata/commands.ts';
import { type AclBinding } from '../../../../core/chronik/metadata/rows.ts';
import { Scene } from './scene.ts';

const { any, match, literal, prefixed } = patternTypes;

function acl(resourceName: string, change: Partial<AclBinding> = {}): AclBinding {
  return {
    resourceType: resourceTypes.topic,
    resourceName,
    patternType: literal,
    principal: 'User:alice',
    host: '*',
    operation: aclOperations.read,
    permissionType: permissionTypes.allow,
    ...change,
  };
}

const orders = acl('orders');
const ordersByPrefix = acl('ord', { patternType: prefixed });
const everything = acl('*');
const payments = acl('payments', { operation: aclOperations.write });

function withAcls(limits: ConstructorParameters<typeof Scene>[0] = {}): Scene {
  const scene = new Scene(limits);
  scene.do('createAcls', { acls: [orders, ordersByPrefix] });
  scene.do('createAcls', { acls: [everything, payments] });
  return scene;
}

function filter(change: Partial<AclFilter>): AclFilter {
  const numbers = { resourceType: 1, patternType: any, operation: 1, permissionType: 1 };
  return AclFilter.create({ ...numbers, ...change });
}

function deletedBy(change: Partial<AclFilter>): readonly string[] {
  const { filters } = withAcls().do('deleteAcls', { filters: [filter(change)] });
  return filters[0]?.deleted.map(({ resourceName }) => resourceName) ?? [];
}

test('ACLs are kept in the order in which they were made, each once', () => {
  const scene = withAcls();
  scene.do('createAcls', { acls: [orders] });
  expect(scene.state.acls).toEqual([orders, ordersByPrefix, everything, payments]);
  expect(scene.reloaded().acls).toEqual(scene.state.acls);
});

test('a filter takes out what it matches, and says what that was', () => {
  expect(deletedBy({})).toEqual(['orders', 'ord', '*', 'payments']);
  expect(deletedBy({ resourceName: 'orders' })).toEqual(['orders']);
  expect(deletedBy({ resourceName: 'orders', patternType: match })).toEqual(['orders', 'ord', '*']);
  expect(deletedBy({ patternType: prefixed })).toEqual(['ord']);
  expect(deletedBy({ resourceName: 'ord', patternType: literal })).toEqual([]);
  expect(deletedBy({ operation: aclOperations.write })).toEqual(['payments']);
  expect(deletedBy({ principal: 'User:bob' })).toEqual([]);
  expect(deletedBy({ host: '*', permissionType: permissionTypes.deny })).toEqual([]);
});

test('filters of one command come one after the other', () => {
  const scene = withAcls();
  const { filters } = scene.do('deleteAcls', {
    filters: [filter({ resourceName: 'orders' }), filter({ patternType: 9 }), filter({})],
  });
  expect(filters.map(({ deleted }) => deleted.length)).toEqual([1, 0, 3]);
  expect(filters.map(({ refusal }) => refusal?.code)).toEqual([undefined, 'INVALID_REQUEST', undefined]);
  expect(scene.state.acls).toEqual([]);
  expect(scene.reloaded().acls).toEqual([]);
});

test('what is wrong with an ACL is said, and the others are made', () => {
  const scene = withAcls({ aclsMax: 5 });
  const wrong = [
    acl(''),
    acl('x', { principal: 'alice' }),
    acl('x', { host: '' }),
    acl('x', { resourceType: 1 }),
    acl('x', { patternType: match }),
    acl('x', { operation: 1 }),
    acl('x', { permissionType: 1 }),
    acl('x', { resourceType: resourceTypes.cluster }),
    acl('x'.repeat(5_000)),
  ];
  const { acls } = scene.do('createAcls', { acls: [...wrong, acl('fifth'), acl('sixth')] });
  expect(acls.slice(0, wrong.length).map(({ refusal }) => refusal?.code)).toEqual(
    wrong.map(() => 'INVALID_REQUEST'),
  );
  expect(acls.at(-2)?.refusal).toBeUndefined();
  expect(acls.at(-1)?.refusal).toMatchObject({
    code: 'POLICY_VIOLATION',
    message: 'a cluster has 5 ACLs at most',
  });
});
