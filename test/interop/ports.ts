import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/**
 * Below the range from which the system takes ports for outgoing connections: a member that is killed must find its port
 * free when it comes back.
 */
const lowest = 12_000;
const highest = 30_000;
/** Ports are claimed in blocks of so many: whoever listens on a block's first has the others to itself. */
const blockPorts = 100;
/** Nearly all blocks must be taken for this many draws to find none that is free. */
const drawsMax = 1_000;

/** What is left of the block that this process claimed last. */
const left: number[] = [];
/** Claims hold as long as this process lives, and keep it from nothing. */
const claims: Server[] = [];

/** Ports that nobody listens on now, that this process hands out once, and no other process that takes its ports here. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = left.pop();
    if (port === undefined) left.push(...(await claimBlock()));
    // It may be in use all the same, by a process that outlived the one that had claimed the block.
    else if (await isFree(port)) ports.push(port);
  }
  return ports;
}

async function claimBlock(): Promise<readonly number[]> {
  for (let draw = 0; draw < drawsMax; draw += 1) {
    const block = Math.floor((Math.random() * (highest - lowest)) / blockPorts);
    const first = lowest + block * blockPorts;
    const claim = await listen(first);
    if (claim === undefined) continue;
    claim.unref();
    claims.push(claim);
    return Array.from({ length: blockPorts - 1 }, (_, at) => first + 1 + at);
  }
  throw new Error(`every block of ports from ${lowest} to ${highest} is taken`);
}

async function isFree(port: number): Promise<boolean> {
  const server = await listen(port);
  if (server === undefined) return false;
  server.close();
  await once(server, 'close');
  return true;
}

/** Undefined: somebody else does. */
function listen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(undefined));
    server.listen({ host: '127.0.0.1', port, exclusive: true }, () => resolve(server));
  });
}
