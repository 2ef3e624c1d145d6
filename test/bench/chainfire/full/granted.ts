import { LeaseGrantRequest, LeaseGrantResponse } from '../../../../core/chainfire/api/lease.ts';
import { Calls } from '../calls.ts';

const underWay = 64;
const connections = 4;

/** Grants leases with ids from 1 on, many at a time. @param ttlSeconds asked anew for each */
export async function grantLeases(endpoint: string, count: number, ttlSeconds: () => number): Promise<void> {
  const clients = Array.from({ length: connections }, () => new Calls(endpoint));
  const codecs = { request: LeaseGrantRequest, response: LeaseGrantResponse };
  let next = 1;
  const worker = async (_: unknown, at: number): Promise<void> => {
    const calls = clients[at % connections] as Calls;
    while (next <= count) {
      const request = LeaseGrantRequest.create({ id: BigInt(next), ttlSeconds: ttlSeconds() });
      next += 1;
      await calls.unary('etcdserverpb.Lease/LeaseGrant', codecs, request);
    }
  };
  try {
    await Promise.all(Array.from({ length: underWay }, worker));
  } finally {
    for (const calls of clients) calls.close();
  }
}
