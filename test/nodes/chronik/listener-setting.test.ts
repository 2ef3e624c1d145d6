import { describe, expect, test } from 'vitest';

import { endpointsOf } from '../../../nodes/chronik/endpoints.ts';
import { advertisedAddresses, listeners } from '../../../nodes/chronik/listener-setting.ts';

const type = listeners();

function parsed(text: string) {
  const found = type.parse(text);
  if (found === undefined) throw new Error(`not allowed: ${text}`);
  return found;
}

describe('listen_client', () => {
  test.each([
    ['127.0.0.1:9092', [{ name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port: 9092 }]],
    ['tls://[::1]:9093', [{ name: 'SSL', protocol: 'SSL', host: '::1', port: 9093 }]],
    ['SASL_SSL://b:1', [{ name: 'SASL_SSL', protocol: 'SASL_SSL', host: 'b', port: 1 }]],
    [
      'plaintext://127.0.0.1:9092, outside=sasl_tls://0.0.0.0:9094',
      [
        { name: 'PLAINTEXT', protocol: 'PLAINTEXT', host: '127.0.0.1', port: 9092 },
        { name: 'outside', protocol: 'SASL_SSL', host: '0.0.0.0', port: 9094 },
      ],
    ],
  ])('%s', (text, expected) => {
    expect(parsed(text)).toEqual(expected);
    expect(type.parse(type.format(parsed(text)))).toEqual(expected);
    expect(type.fromToml(text.split(','))).toEqual(expected);
  });

  test.each([
    '',
    '9092',
    'http://127.0.0.1:9092',
    'plaintext://http://127.0.0.1:9092',
    '127.0.0.1:9092,127.0.0.1:9093',
    'a=127.0.0.1:9092,b=127.0.0.1:9092',
    '1a=127.0.0.1:9092',
    'constructor://127.0.0.1:9092',
  ])('%j is not allowed', (text) => {
    expect(type.parse(text)).toBeUndefined();
  });
});

describe('advertised_client', () => {
  const advertised = (text: string) => advertisedAddresses().parse(text);

  test('a listener is found where it listens, on the port that it got, unless something else is said', () => {
    const both = parsed('127.0.0.1:0,outside=tls://0.0.0.0:9094');
    const had = [
      { host: '127.0.0.1', port: 4711 },
      { host: '0.0.0.0', port: 9094 },
    ];
    expect(endpointsOf(both, advertised('outside=kafka.example:19094'), had)).toEqual([
      { listener: 'PLAINTEXT', host: '127.0.0.1', port: 4711, securityProtocol: 'PLAINTEXT' },
      { listener: 'outside', host: 'kafka.example', port: 19094, securityProtocol: 'SSL' },
    ]);
  });

  test('of one listener the name need not be said', () => {
    expect(endpointsOf(parsed('0.0.0.0:9092'), advertised('kafka.example:9092'))).toEqual([
      { listener: 'PLAINTEXT', host: 'kafka.example', port: 9092, securityProtocol: 'PLAINTEXT' },
    ]);
  });

  test.each([
    ['0.0.0.0:9092', undefined, /PLAINTEXT on 0.0.0.0, where no client finds it: give advertised_client/],
    ['127.0.0.1:9092', 'inside=a:1', /names the listener inside; listen_client has PLAINTEXT/],
    ['127.0.0.1:9092,tls://127.0.0.1:9093', 'a:1', /for which listener: there are PLAINTEXT, SSL/],
  ])('%s with %s is refused', (listen, told, message) => {
    expect(() => endpointsOf(parsed(listen), told === undefined ? undefined : advertised(told))).toThrow(
      message,
    );
  });

  test.each(['', 'a', 'a:0', 'a:1,b:2', 'x=a:1,x=b:2', 'x=http://a:1'])('%j is not allowed', (text) => {
    expect(advertised(text)).toBeUndefined();
  });
});
