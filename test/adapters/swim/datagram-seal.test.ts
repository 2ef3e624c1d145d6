import { expect, test } from 'vitest';

import { DatagramSeal } from '../../../adapters/swim/datagram-seal.ts';
import { decodeDatagram, encodeDatagram, encodeMessage } from '../../../core/swim/datagram-codec.ts';

const datagram = encodeDatagram('cluster', [encodeMessage({ kind: 'ping', seq: 7, from: 'a', target: 'b' })]);
const seal = new DatagramSeal(Buffer.from('a secret that all members have'));

test('what was sealed is opened to what it was, and is no datagram to those who have no key', () => {
  const sealed = seal.seal(datagram);
  expect(sealed).toHaveLength(datagram.length + 16);
  expect(seal.open(sealed)).toEqual(datagram);
  expect(() => decodeDatagram(sealed)).toThrow('a gossip datagram has flags that are not known');
});

test('no byte of it can be another', () => {
  const sealed = seal.seal(datagram);
  for (let at = 0; at < sealed.length; at += 1) {
    const changed = sealed.slice();
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    expect(seal.open(changed), `byte ${at}`).toBeUndefined();
  }
});

test('a datagram of another key, without a tag, or cut short is not opened', () => {
  const other = new DatagramSeal(Buffer.from('another secret'));
  expect(seal.open(other.seal(datagram))).toBeUndefined();
  expect(seal.open(datagram)).toBeUndefined();
  const sealed = seal.seal(datagram);
  for (let length = 0; length < sealed.length; length += 1)
    expect(seal.open(sealed.subarray(0, length)), `${length} bytes`).toBeUndefined();
});
