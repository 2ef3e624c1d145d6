import { createServer } from 'node:net';

/**
 * Below the range from which the system takes ports for outgoing connections: a member that is killed must find its port
 * free when it comes back.
 */
const lowest = 12_000;
const highest = 30_000;
const handedOut = new Set<number>();

/** Ports that nobody listens on now, and that this process hands out once. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const ports: number[] = [];
  while (ports.length < count) {
    const port = lowest + Math.floor(Math.random() * (highest - lowest));
    if (handedOut.has(port) || !(await isFree(port))) continue;
    handedOut.add(port);
    ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ host: '127.0.0.1', port }, () => server.close(() => resolve(true)));
  });
}
