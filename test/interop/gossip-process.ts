import { UdpGossip } from '../../adapters/swim/udp-gossip.ts';
import { defaultSwimOptions } from '../../core/swim/config.ts';
import { seededPrng } from '../../sim/prng.ts';

/** A process that gossips and does nothing else: `NAME SEED…`; a line of JSON for each thing that it has to say. */
const [name = '', ...seeds] = process.argv.slice(2);
const say = (line: object): void => {
  process.stdout.write(`${JSON.stringify(line)}\n`);
};
const gossip = await UdpGossip.start({
  listen: { host: '127.0.0.1', port: 0 },
  config: {
    ...defaultSwimOptions,
    probeIntervalUs: 200_000,
    probeTimeoutUs: 100_000,
    gossipIntervalUs: 40_000,
    cluster: 'processes',
    seeds,
    self: { name, clientAddress: '', peerAddress: '', note: '' },
  },
  prng: seededPrng(`process ${name}`),
  onEffect: say,
  onBroken: (failure) => {
    throw failure;
  },
});
say({ kind: 'listening', address: gossip.address });
process.on('SIGTERM', () => {
  void gossip.leave();
});
