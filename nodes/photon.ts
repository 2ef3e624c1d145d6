#!/usr/bin/env node
import { Command, CommanderError } from 'commander';

import { endWithReader } from './closed-pipe.ts';
import { ExitError } from './exit.ts';
import { version } from './version.ts';

/**
 * The `photon` command line. Only the group that is asked for is loaded, so that `photon kv get` starts without the
 * server, and the server without the simulator.
 */
interface Group {
  readonly name: string;
  readonly about: string;
  load(): Promise<Command>;
}

const groups: readonly Group[] = [
  {
    name: 'up',
    about: 'run a whole cloud on this machine',
    load: async () => (await import('./up/command.ts')).upCommand(),
  },
  {
    name: 'kv',
    about: 'read and write keys of a Chainfire cluster',
    load: async () => (await import('./kv/command.ts')).kvCommand(),
  },
  {
    name: 'chainfire',
    about: 'run a member of a Chainfire cluster',
    load: async () => (await import('./chainfire/command.ts')).chainfireCommand(),
  },
  {
    name: 'chronik',
    about: "run a broker of a Chronik cluster, for Kafka's clients",
    load: async () => (await import('./chronik/command.ts')).chronikCommand(),
  },
  {
    name: 'topic',
    about: 'make, look at and change topics',
    load: async () => (await import('./kafka-tools/topic.ts')).topicCommand(),
  },
  {
    name: 'produce',
    about: 'append records to a topic',
    load: async () => (await import('./kafka-tools/produce.ts')).produceCommand(),
  },
  {
    name: 'consume',
    about: 'print records of topics',
    load: async () => (await import('./kafka-tools/consume.ts')).consumeCommand(),
  },
  {
    name: 'group',
    about: 'look at and change groups of consumers',
    load: async () => (await import('./kafka-tools/group.ts')).groupCommand(),
  },
  {
    name: 'acl',
    about: 'say who may do what with topics and groups',
    load: async () => (await import('./kafka-tools/acl.ts')).aclCommand(),
  },
  {
    name: 'reassign',
    about: 'move replicas of partitions to other brokers',
    load: async () => (await import('./kafka-tools/reassign.ts')).reassignCommand(),
  },
  {
    name: 'plasma',
    about: 'run a process of PlasmaVMC, the VM platform',
    load: async () => (await import('./plasma/command.ts')).plasmaCommand(),
  },
  {
    name: 'vm',
    about: 'make, look at and change virtual machines',
    load: async () => (await import('./plasma-tools/vm.ts')).vmCommand(),
  },
  {
    name: 'node',
    about: 'look at and change compute nodes',
    load: async () => (await import('./plasma-tools/node.ts')).nodeCommand(),
  },
  {
    name: 'image',
    about: 'bring in, look at and remove images',
    load: async () => (await import('./plasma-tools/image.ts')).imageCommand(),
  },
  {
    name: 'quota',
    about: 'look at and set what a project may use',
    load: async () => (await import('./plasma-tools/quota.ts')).quotaCommand(),
  },
  {
    name: 'operation',
    about: 'what has become of something that was asked for',
    load: async () => (await import('./plasma-tools/operation.ts')).operationCommand(),
  },
  {
    name: 'disk',
    about: 'make, look at and remove shared disks',
    load: async () => (await import('./plasma-tools/disk.ts')).diskCommand(),
  },
  {
    name: 'pki',
    about: 'make an authority for development, and certificates',
    load: async () => (await import('./pki/command.ts')).pkiCommand(),
  },
  {
    name: 'sim',
    about: 'run the cluster in the simulator',
    load: async () => (await import('./sim/command.ts')).simCommand(),
  },
];

const examples = `
Examples:
  photon up                                  three members on this machine, data in ./data
  photon kv put hello world                  write a key
  photon kv get hello                        read it
  photon <command> --help                    everything about one command
`;

async function main(args: readonly string[]): Promise<void> {
  const program = new Command('photon')
    .description("PhotonCloud: a private cloud's control plane and data services")
    .version(version, '--version', 'print the version')
    .showHelpAfterError('(try --help)')
    .helpCommand(false)
    .addHelpText('after', examples);
  const asked = args[0];
  for (const group of groups) {
    const command =
      group.name === asked
        ? await group.load()
        : new Command(group.name).description(group.about).usage('[options]');
    program.addCommand(command);
  }
  throwInsteadOfExit(program);
  await program.parseAsync(args, { from: 'user' });
}

/** So that there is one place that sets the exit code, and output is flushed before the end. */
function throwInsteadOfExit(command: Command): void {
  command.exitOverride();
  for (const part of command.commands) throwInsteadOfExit(part);
}

endWithReader();
try {
  await main(process.argv.slice(2));
} catch (error) {
  if (error instanceof CommanderError) {
    // Commander has printed what there is to say; wrong usage is 2 as everywhere.
    process.exitCode = error.exitCode === 0 ? 0 : 2;
  } else if (error instanceof ExitError) {
    process.stderr.write(`${error.message}\n`);
    process.exitCode = error.exitCode;
  } else {
    throw error;
  }
}
