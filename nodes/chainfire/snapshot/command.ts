import { Command, InvalidArgumentError, Option } from 'commander';

import { SnapshotFileError } from '../../../adapters/backup/format.ts';
import { flagHelp } from '../../../adapters/config/describe.ts';
import { ConfigError } from '../../../adapters/config/resolve.ts';
import { DataDirError } from '../../../adapters/data-dir/data-dir-error.ts';
import { DownloadError } from '../../../adapters/grpc/snapshot-download.ts';
import { exitCodes, ExitError } from '../../exit.ts';
import { userOption, withEndpoints } from '../../kv/options.ts';
import { type ConnectionOptions, credentialsOf, endpointsOf } from '../../kv/session.ts';
import { userOf } from '../../kv/user.ts';
import { readSettings } from '../../process/read-settings.ts';
import { peerScheme } from '../cluster-place.ts';
import { chainfireSchema } from '../settings.ts';
import { restoreSnapshot } from './restore.ts';
import { saveSnapshot } from './save.ts';
import { snapshotStatus } from './status.ts';
import { renderStatus, statusFormats } from './render.ts';

const examples = `
Examples:
  photon chainfire snapshot save backup.snap --endpoints 10.0.0.1:2379,10.0.0.2:2379
  photon chainfire snapshot save backup.snap --user root --cacert pki/ca.crt   # asks for the password
  photon chainfire snapshot status backup.snap
  photon chainfire snapshot restore backup.snap --name a --data-dir /var/lib/photon/a \\
    --initial-cluster a=10.0.0.1:2380,b=10.0.0.2:2380,c=10.0.0.3:2380

A file of \`etcdctl snapshot save\` is the same. How to back up and restore a cluster: docs/backup.md.
Exit codes: 0 done; 1 it was tried and did not work; 2 wrong usage, a damaged file, a directory that is there already.
`;

export function snapshotCommand(): Command {
  return new Command('snapshot')
    .description('save, look at and restore backups of a Chainfire cluster')
    .addCommand(saveCommand())
    .addCommand(statusCommand())
    .addCommand(restoreCommand())
    .addHelpText('after', examples);
}

function saveCommand(): Command {
  const command = new Command('save')
    .description('take a snapshot of a member that runs, while it serves')
    .argument('<file>', 'where to; it appears when the snapshot is whole, in place of what was there')
    .addOption(
      new Option('--timeout <seconds>', 'a member that sends nothing for so long is given up')
        .default(60)
        .argParser(seconds),
    )
    .action(async (path: string, options: ConnectionOptions) => {
      await named('save', async () => {
        const asker = 'photon chainfire snapshot save';
        const saved = await saveSnapshot(path, endpointsOf(options.endpoints, asker), {
          stallMs: options.timeout * 1_000,
          tls: credentialsOf(options, asker),
          user: await userOf(options.user, asker),
        });
        process.stdout.write(
          `Snapshot saved at ${path}: revision ${saved.revision}, ${saved.sizeBytes} bytes, sha-256 ${saved.digest}\n`,
        );
      });
    });
  return withEndpoints(command).addOption(userOption());
}

function statusCommand(): Command {
  return new Command('status')
    .description('check a snapshot file and say what it holds')
    .argument('<file>')
    .addOption(
      new Option('-w, --write-out <format>', 'how to print it').choices(statusFormats).default('table'),
    )
    .action(
      async (path: string, options: { readonly writeOut: (typeof statusFormats)[number] }): Promise<void> => {
        await named('status', async () => {
          process.stdout.write(renderStatus(await snapshotStatus(path), options.writeOut));
        });
      },
    );
}

type RestoreFlags = Readonly<Record<(typeof restoreSettings)[number] | 'config', string | undefined>> & {
  readonly bumpRevision?: number;
  readonly markCompacted?: boolean;
};

/** The settings of a member that decide what its directory is. */
const restoreSettings = ['name', 'dataDir', 'initialCluster', 'initialClusterToken', 'peerCertFile'] as const;

function restoreCommand(): Command {
  const command = new Command('restore')
    .description('make the data directory of one member of a new cluster from a snapshot file')
    .argument('<file>')
    .option('--config <path>', "TOML file with the member's settings, as for `serve`")
    .addOption(
      new Option(
        '--bump-revision <count>',
        'go on so much above the revision of the snapshot, above all that clients have seen; the same on all members',
      ).argParser(bump),
    )
    .option(
      '--mark-compacted',
      'with --bump-revision: what is below counts as compacted, so that a watch from there is told to begin anew',
    )
    .action(async (file: string, options: RestoreFlags) => {
      await named('restore', async () => {
        const { config, bumpRevision = 0, markCompacted = false, ...flags } = options;
        if (markCompacted && bumpRevision === 0) {
          throw new ConfigError('--mark-compacted is given without --bump-revision: give both');
        }
        const settings = readSettings(chainfireSchema, config, flags);
        const { name, dataDir, initialCluster, initialClusterToken, segmentBytesMax } = settings;
        if (initialCluster === undefined) {
          throw new ConfigError(
            'initial_cluster is required: give --initial-cluster with every member of the new cluster',
          );
        }
        const restored = await restoreSnapshot({
          ...{ file, name, dataDir, initialCluster, initialClusterToken, segmentBytesMax },
          peerScheme: peerScheme(settings),
          revisions: { bump: bumpRevision, markCompacted },
        });
        process.stdout.write(
          `Restored ${dataDir}: member ${restored.id} (${name}) of the new cluster ${restored.clusterId}, ` +
            `revision ${restored.revision}, ${restored.rows} rows\n`,
        );
      });
    });
  const { settings } = chainfireSchema;
  const offered = Object.fromEntries(restoreSettings.map((name) => [name, settings[name]]));
  for (const { flags, about } of flagHelp(offered)) command.addOption(new Option(flags, about));
  return command;
}

/** What a user can do something about ends the command with its message. */
async function named(command: string, run: () => Promise<void>): Promise<void> {
  const withName = (error: Error): string => `photon chainfire snapshot ${command}: ${error.message}`;
  try {
    await run();
  } catch (error) {
    if (error instanceof SnapshotFileError || error instanceof ConfigError || error instanceof DataDirError) {
      throw new ExitError(withName(error), exitCodes.refused, { cause: error });
    }
    if (error instanceof DownloadError || isSystemError(error)) {
      throw new ExitError(withName(error), exitCodes.failed, { cause: error });
    }
    throw error;
  }
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}

/** Revisions stay exact integers for as long as anybody writes. */
const bumpMax = 1_000_000_000_000_000;

function bump(text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < 1 || value > bumpMax) {
    throw new InvalidArgumentError(`it must be an integer of 1 to ${bumpMax}.`);
  }
  return value;
}

function seconds(text: string): number {
  const value = Number(text);
  if (!/^[0-9]+$/.test(text) || value < 1 || value > 86_400) {
    throw new InvalidArgumentError('it must be an integer of 1 to 86400.');
  }
  return value;
}
