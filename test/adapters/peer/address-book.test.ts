import { expect, test } from 'vitest';

import { AddressBook, type PeerPlace } from '../../../adapters/peer/address-book.ts';
import { nodeId } from '../../../core/base/ids.ts';

const at = (port: number) => ({ host: 'h', port });
const place = (id: number, ...ports: readonly number[]): PeerPlace => ({
  id: nodeId(id),
  name: `name-${id}`,
  addresses: ports.map(at),
});
const own = nodeId(1);
const [two, three, nine] = [nodeId(2), nodeId(3), nodeId(9)];

test('what is agreed upon comes first, then what a node says of itself, then what was known at the start; each once', () => {
  const book = new AddressBook(own, [place(2, 1, 2)]);
  expect(book.addressesOf(two)).toEqual([at(1), at(2)]);
  book.agreed([place(1, 7), place(2, 2, 3)]);
  book.called(two, at(4));
  expect(book.addressesOf(two)).toEqual([at(2), at(3), at(4), at(1)]);
  book.called(two, undefined);
  expect(book.addressesOf(two)).toEqual([at(2), at(3), at(4), at(1)]);
});

test('the other members are those that were agreed upon last', () => {
  const book = new AddressBook(own, [place(2, 1)]);
  expect(book.members).toEqual([]);
  book.agreed([place(1, 7), place(2, 2), place(3, 3)]);
  expect(book.members).toEqual([two, three]);
  book.agreed([place(1, 7), place(3, 3)]);
  expect(book.members).toEqual([three]);
  expect(book.nameOf(three)).toBe('name-3');
});

test('one that is no member is known while it calls, until it is forgotten; a member always is', () => {
  const book = new AddressBook(own, []);
  book.agreed([place(1, 7), place(2, 2)]);
  expect([own, two, nine].map((id) => book.knows(id))).toEqual([false, true, false]);
  book.called(nine, at(9));
  expect(book.knows(nine)).toBe(true);
  expect(book.addressesOf(nine)).toEqual([at(9)]);
  book.forget(nine);
  book.forget(two);
  expect([two, nine].map((id) => book.knows(id))).toEqual([true, false]);
  expect(book.addressesOf(nine)).toEqual([]);
});

test('a member that is removed is still answered where it says that it is', () => {
  const book = new AddressBook(own, []);
  book.agreed([place(1, 7), place(2, 2)]);
  book.called(two, at(2));
  book.agreed([place(1, 7)]);
  expect(book.knows(two)).toBe(true);
  expect(book.addressesOf(two)).toEqual([at(2)]);
});

test('strangers are bounded; members are let in whatever their number, and one that goes makes room', () => {
  const book = new AddressBook(own, []);
  book.agreed([place(1, 7), place(2, 2)]);
  for (let id = 10; id < 42; id += 1) book.called(nodeId(id), at(id));
  expect(() => book.called(nodeId(42), at(42))).toThrow(
    '32 nodes call that are no members, node 42 is one more',
  );
  book.called(two, at(2));
  book.called(nodeId(10), at(11));
  expect(book.addressesOf(nodeId(10))).toEqual([at(11)]);
  book.forget(nodeId(10));
  book.called(nodeId(42), at(42));
  expect(book.knows(nodeId(42))).toBe(true);
});
