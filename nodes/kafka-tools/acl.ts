import { Command, InvalidArgumentError, Option } from 'commander';

import { refusedBy } from '../../adapters/kafka/client/errors.ts';
import { apis } from '../../core/wire/kafka/apis.ts';
import { kafkaErrorOf } from '../../core/wire/kafka/error-codes.ts';
import { exitCodes, ExitError } from '../exit.ts';
import { aclUserCommand } from './acl-user.ts';
import { type BrokerOptions, withBrokers } from './options.ts';
import { retriableOf } from './parts.ts';
import { printJson, printLine, printTable } from './print.ts';
import { withCluster } from './session.ts';

/** Numbers of the protocol; `any` is for filters. */
const resourceTypes = { any: 1, topic: 2, group: 3, cluster: 4, 'transactional-id': 5 } as const;
const patternTypes = { any: 1, match: 2, literal: 3, prefixed: 4 } as const;
const permissions = { any: 1, deny: 2, allow: 3 } as const;
const operations = {
  any: 1,
  all: 2,
  read: 3,
  write: 4,
  create: 5,
  delete: 6,
  alter: 7,
  describe: 8,
  'cluster-action': 9,
  'describe-configs': 10,
  'alter-configs': 11,
  'idempotent-write': 12,
} as const;
type Operation = keyof typeof operations;

/** How the protocol names the one resource of type cluster. */
const clusterName = 'kafka-cluster';

interface ResourceOptions extends BrokerOptions {
  readonly topic?: string;
  readonly group?: string;
  readonly transactionalId?: string;
  readonly cluster?: boolean;
  readonly prefixed?: boolean;
  readonly principal?: string;
  readonly host?: string;
  readonly deny?: boolean;
  readonly operation?: readonly Operation[];
}

interface Resource {
  readonly resourceType: number;
  readonly resourceName: string;
}

interface Entry extends Resource {
  readonly patternType: number;
  readonly principal: string;
  readonly host: string;
  readonly operation: number;
  readonly permissionType: number;
}

export function aclCommand(): Command {
  const acl = new Command('acl').description('say who may do what, and who may log in').addHelpText(
    'after',
    `
Exit codes: 0 done; 1 refused, or surely not done; 2 wrong usage; 3 nobody knows whether it was done.

Examples:
  photon acl add --principal User:alice --operation read,describe --topic orders
  photon acl add --principal User:alice --operation read --group billing --prefixed
  photon acl list --topic orders
  photon acl remove --principal User:alice --topic orders
  photon acl user set alice
`,
  );
  for (const command of [listCommand(), addCommand(), removeCommand()]) acl.addCommand(withBrokers(command));
  acl.addCommand(aclUserCommand());
  return acl;
}

function withResource(command: Command): Command {
  return command
    .option('--topic <name>', 'a topic; * is every one')
    .option('--group <id>', 'a group; * is every one')
    .option('--transactional-id <id>', 'a transactional id; * is every one')
    .option('--cluster', 'the cluster itself')
    .option('--prefixed', 'everything whose name begins so')
    .option('--principal <type:name>', 'who, as User:alice; User:* is everybody')
    .option('--host <address>', 'from which address; * is every one')
    .option('--deny', 'entries that forbid rather than allow')
    .addOption(new Option('--operation <list>', Object.keys(operations).join(', ')).argParser(operationsOf));
}

function operationsOf(text: string): readonly Operation[] {
  return text.split(',').map((name) => {
    if (name in operations) return name as Operation;
    throw new InvalidArgumentError(
      `${JSON.stringify(name)} is none of ${Object.keys(operations).join(', ')}.`,
    );
  });
}

function resourcesOf(options: ResourceOptions): readonly Resource[] {
  const { topic, group, transactionalId, cluster } = options;
  return [
    ...(topic === undefined ? [] : [{ resourceType: resourceTypes.topic, resourceName: topic }]),
    ...(group === undefined ? [] : [{ resourceType: resourceTypes.group, resourceName: group }]),
    ...(transactionalId === undefined
      ? []
      : [{ resourceType: resourceTypes['transactional-id'], resourceName: transactionalId }]),
    ...(cluster === true ? [{ resourceType: resourceTypes.cluster, resourceName: clusterName }] : []),
  ];
}

function addCommand(): Command {
  const name = 'photon acl add';
  return withResource(new Command('add').description('allow or forbid something')).action(
    (options: ResourceOptions) => {
      const { principal, operation } = options;
      const resources = resourcesOf(options);
      if (principal === undefined || operation === undefined || resources.length === 0) {
        throw new ExitError(
          `${name}: --principal, --operation and one of --topic, --group, --transactional-id, --cluster are needed`,
          exitCodes.refused,
        );
      }
      const entries = resources.flatMap((resource) =>
        operation.map((one) => ({
          ...resource,
          patternType: options.prefixed === true ? patternTypes.prefixed : patternTypes.literal,
          principal,
          host: options.host ?? '*',
          operation: operations[one],
          permissionType: options.deny === true ? permissions.deny : permissions.allow,
        })),
      );
      return withCluster(options, name, async (cluster) => {
        const body = apis.createAcls.request.create({
          creations: entries.map(({ patternType, ...entry }) => ({
            ...entry,
            resourcePatternType: patternType,
          })),
        });
        const answer = await cluster.call({ kind: 'any' }, 'createAcls', body, {
          errorOf: ({ results }) => retriableOf(results),
        });
        for (const { errorCode, errorMessage } of answer.results) {
          if (errorCode !== 0) throw refusedBy('the entry', kafkaErrorOf(errorCode), errorMessage);
        }
        show(entries, options, 'added');
      });
    },
  );
}

/** What an entry must be to be meant; what is not said may be anything. */
function filterOf(options: ResourceOptions) {
  const resources = resourcesOf(options);
  const [resource] = resources;
  if (resources.length > 1) {
    throw new ExitError(
      'photon acl: one of --topic, --group, --transactional-id, --cluster at a time',
      exitCodes.refused,
    );
  }
  const [operation, another] = options.operation ?? [];
  if (another !== undefined) throw new ExitError('photon acl: one --operation at a time', exitCodes.refused);
  return {
    resourceTypeFilter: resource?.resourceType ?? resourceTypes.any,
    resourceNameFilter: resource?.resourceName,
    patternTypeFilter: options.prefixed === true ? patternTypes.prefixed : patternTypes.any,
    principalFilter: options.principal,
    hostFilter: options.host,
    operation: operations[operation ?? 'any'],
    permissionType: options.deny === true ? permissions.deny : permissions.any,
  };
}

function listCommand(): Command {
  return withResource(
    new Command('list').description('print the entries, all of them or those that are meant'),
  ).action((options: ResourceOptions) =>
    withCluster(options, 'photon acl list', async (cluster) => {
      const body = apis.describeAcls.request.create(filterOf(options));
      const answer = await cluster.call({ kind: 'any' }, 'describeAcls', body);
      const entries = answer.resources.flatMap(({ acls, ...resource }) =>
        acls.map((entry) => ({ ...resource, ...entry })),
      );
      show(entries, options);
    }),
  );
}

function removeCommand(): Command {
  const name = 'photon acl remove';
  return withResource(
    new Command('remove')
      .description('remove the entries that are meant')
      .option('--all', 'every entry there is'),
  ).action((options: ResourceOptions & { readonly all?: boolean }) => {
    const filter = filterOf(options);
    const isAll = filter.resourceNameFilter === undefined && options.principal === undefined;
    if (isAll && options.all !== true) {
      throw new ExitError(`${name}: --principal, a resource or --all is needed`, exitCodes.refused);
    }
    return withCluster(options, name, async (cluster) => {
      const body = apis.deleteAcls.request.create({ filters: [filter] });
      const answer = await cluster.call({ kind: 'any' }, 'deleteAcls', body, {
        errorOf: ({ filterResults }) => retriableOf(filterResults),
      });
      for (const { errorCode, errorMessage, matchingAcls } of answer.filterResults) {
        if (errorCode !== 0) throw refusedBy('the filter', kafkaErrorOf(errorCode), errorMessage);
        show(matchingAcls, options, 'removed');
      }
    });
  });
}

function show(entries: readonly Entry[], { json }: BrokerOptions, done?: string): void {
  const rows = entries.map((entry) => ({
    principal: entry.principal,
    permission: nameOf(permissions, entry.permissionType),
    operation: nameOf(operations, entry.operation),
    resource: nameOf(resourceTypes, entry.resourceType),
    name: entry.resourceName,
    pattern: nameOf(patternTypes, entry.patternType),
    host: entry.host,
  }));
  if (json === true) {
    printJson(rows);
    return;
  }
  if (done !== undefined) printLine(`${done} ${rows.length} ${rows.length === 1 ? 'entry' : 'entries'}`);
  printTable(
    ['PRINCIPAL', 'PERMISSION', 'OPERATION', 'RESOURCE', 'NAME', 'PATTERN', 'HOST'],
    rows.map((row) => Object.values(row)),
  );
}

function nameOf(names: Readonly<Record<string, number>>, value: number): string {
  return Object.keys(names).find((name) => names[name] === value) ?? String(value);
}
