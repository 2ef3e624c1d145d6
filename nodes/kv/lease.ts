import { Command, Option } from 'commander';

import { type GrpcChainfireClient } from '../../adapters/grpc/client.ts';
import { monotonicUs } from '../../adapters/client/driver.ts';
import { bytesFromLatin1 } from '../../core/base/bytes.ts';
import { ChainfireError, errorOfOutcome } from '../../adapters/client/errors.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { type CommonOptions, integer, leaseId, withConnection } from './options.ts';
import { bytesJson } from './render.ts';
import { askOnce, withSession } from './session.ts';

/** `photon kv lease`: what it prints is what etcdctl prints. */
export function leaseCommand(): Command {
  const lease = new Command('lease').description('grant leases, keep them alive, look at them, revoke them');
  const commands = [grantCommand(), keepAliveCommand(), timeToLiveCommand(), listCommand(), revokeCommand()];
  for (const command of commands) lease.addCommand(withConnection(command));
  return lease.addHelpText(
    'after',
    `
Leases are named in hex. Keys that are put with --lease are deleted when their lease ends.

Examples:
  photon kv lease grant 60
  photon kv put session me --lease 694d77aa9e38260f
  photon kv lease keep-alive 694d77aa9e38260f
  photon kv lease timetolive 694d77aa9e38260f --keys
`,
  );
}

function grantCommand(): Command {
  return new Command('grant')
    .description('make a lease, and print its id')
    .argument('<seconds>', 'how long it lives without being kept alive', integer(1))
    .addOption(new Option('--id <lease>', 'its id; else the member chooses').argParser(leaseId))
    .action(async (ttlSeconds: number, options: CommonOptions & { readonly id?: bigint }) => {
      const request = { ttlSeconds, id: options.id ?? 0n };
      const granted = await askOnce(options, { kind: 'leaseGrant', request });
      const id = granted.id.toString(16);
      say(options, { id, ttl: granted.ttlSeconds }, `lease ${id} granted with TTL(${granted.ttlSeconds}s)`);
    });
}

function keepAliveCommand(): Command {
  return new Command('keep-alive')
    .description('keep a lease alive until it is stopped, or once')
    .argument('<lease>', 'its id', leaseId)
    .option('--once', 'renew it once')
    .action(async (id: bigint, options: CommonOptions & { readonly once?: boolean }) => {
      await withSession(options, async ({ client }) => {
        const sentUs = monotonicUs();
        const outcome = await client.call(
          { kind: 'leaseKeepAlive', request: { id } },
          options.timeout * 1_000,
        );
        if (outcome.kind !== 'answered') throw errorOfOutcome(outcome);
        if (outcome.response.kind !== 'leaseKeepAlive') throw new Error('a keepalive is answered with one');
        const { ttlSeconds } = outcome.response.response;
        if (ttlSeconds <= 0) throw expired(id);
        renewed(options, id, ttlSeconds);
        if (options.once !== true) throw await keptAlive(client, { id, ttlSeconds, sentUs }, options);
      });
    });
}

/** Resolves when it is lost, with the reason to give. */
function keptAlive(
  client: GrpcChainfireClient,
  { id, ttlSeconds, sentUs }: { readonly id: bigint; readonly ttlSeconds: number; readonly sentUs: number },
  options: CommonOptions,
): Promise<Error> {
  return new Promise((resolve) => {
    client.keepLease(
      { leaseId: id, ttlSeconds, grantedUs: sentUs },
      {
        renewed: (seconds) => renewed(options, id, seconds),
        lost: (reason) =>
          resolve(new ChainfireError('failed', 'LEASE_LOST', `lease ${id.toString(16)} is lost: ${reason}`)),
      },
    );
  });
}

function renewed(options: CommonOptions, id: bigint, ttlSeconds: number): void {
  const hex = id.toString(16);
  say(options, { id: hex, ttl: ttlSeconds }, `lease ${hex} keepalived with TTL(${ttlSeconds})`);
}

function expired(id: bigint): ExitError {
  return new ExitError(`photon kv: lease ${id.toString(16)} expired or revoked.`, exitCodes.failed);
}

function timeToLiveCommand(): Command {
  return new Command('timetolive')
    .description('print how long a lease still lives')
    .argument('<lease>', 'its id', leaseId)
    .option('--keys', 'print the keys that go with it, too')
    .action(async (id: bigint, options: CommonOptions & { readonly keys?: boolean }) => {
      const request = { id, keys: options.keys === true };
      const found = await askOnce(options, { kind: 'leaseTimeToLive', request });
      const hex = id.toString(16);
      const { ttlSeconds, grantedTtlSeconds } = found;
      const json = {
        id: hex,
        ttl: ttlSeconds,
        granted_ttl: grantedTtlSeconds,
        ...(request.keys ? { keys: found.keys.map((key) => bytesJson('key', bytesFromLatin1(key))) } : {}),
      };
      const keys = request.keys ? `, attached keys([${found.keys.join(' ')}])` : '';
      const text =
        ttlSeconds < 0
          ? `lease ${hex} already expired`
          : `lease ${hex} granted with TTL(${grantedTtlSeconds}s), remaining(${ttlSeconds}s)${keys}`;
      say(options, json, text);
    });
}

function listCommand(): Command {
  return new Command('list')
    .description('print the ids of all leases')
    .action(async (options: CommonOptions) => {
      const { leases } = await askOnce(options, { kind: 'leaseLeases', request: {} });
      const ids = leases.map(({ id }) => id.toString(16));
      say(options, { leases: ids }, [`found ${ids.length} leases`, ...ids].join('\n'));
    });
}

function revokeCommand(): Command {
  return new Command('revoke')
    .description('end a lease, and delete its keys')
    .argument('<lease>', 'its id', leaseId)
    .action(async (id: bigint, options: CommonOptions) => {
      await askOnce(options, { kind: 'leaseRevoke', request: { id } });
      const hex = id.toString(16);
      say(options, { id: hex }, `lease ${hex} revoked`);
    });
}

/** @param text a char a byte: keys are printed as they are */
function say(options: CommonOptions, json: unknown, text: string): void {
  if (options.json) process.stdout.write(`${JSON.stringify(json)}\n`);
  else process.stdout.write(bytesFromLatin1(`${text}\n`));
}
