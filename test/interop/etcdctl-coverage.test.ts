import { expect, test } from 'vitest';

import { runCommand } from './command.ts';
import { type ComparedCommand, takeCompared } from './compared-commands.ts';
import { describeWith } from './requirement.ts';

/** Commands of etcdctl 3.4 that are not compared, or flags of them, and why. */
const exceptions: Readonly<Record<string, string>> = {
  completion: 'talks to no server',
  help: 'talks to no server',
  version: 'talks to no server',
  migrate: 'reads the files of an etcd of version 2',
  'snapshot restore': 'reads a file in etcd’s own format; photon chainfire snapshot restore reads ours',
  'snapshot status': 'reads a file in etcd’s own format; photon chainfire snapshot status reads ours',
  'defrag --data-dir': 'reads etcd’s own files',
  'make-mirror --dest-cacert': 'concerns the other cluster',
  'make-mirror --dest-cert': 'concerns the other cluster',
  'make-mirror --dest-key': 'concerns the other cluster',
  'make-mirror --dest-insecure-transport': 'concerns the other cluster',
  '--discovery-srv': 'asks the name service, before any server',
  '--discovery-srv-name': 'asks the name service, before any server',
  '--insecure-discovery': 'asks the name service, before any server',
};
/** They end with 1 where they find the machine too slow: that they came to a verdict is what counts. */
const verdicts = ['check perf', 'check datascale'];
/** Flags of etcdctl itself that have no value. */
const switches = [
  '--debug',
  '--hex',
  '--insecure-discovery',
  '--insecure-skip-tls-verify',
  '--insecure-transport',
];
const formats = ['simple', 'json', 'fields', 'protobuf', 'table'];

const isException = (...names: readonly string[]): boolean => names.some((name) => name in exceptions);

async function help(...command: readonly string[]): Promise<string> {
  const { stdout } = await runCommand('etcdctl', [...command, '--help'], {
    environment: { ETCDCTL_API: '3' },
  });
  return stdout;
}

/** The names in a part of a help text; of commands with what stands before two spaces or a tab. */
function commandsIn(text: string): readonly string[] {
  return sectionOf(text, 'COMMANDS').flatMap((line) => /^\s+([a-z][a-z -]*[a-z])\s*\t/.exec(line)?.[1] ?? []);
}

function flagsIn(text: string, section: string): ReadonlyMap<string, string> {
  const found = sectionOf(text, section).flatMap((line) => {
    const [, short = '', long = ''] = /^\s+(?:(-[a-z]), )?(--[a-z-]+)/.exec(line) ?? [];
    return long === '' || long === '--help' ? [] : [[long, short] as const];
  });
  return new Map(found);
}

function sectionOf(text: string, name: string): readonly string[] {
  const lines = text.split('\n');
  const from = lines.indexOf(`${name}:`);
  if (from === -1) return [];
  const to = lines.findIndex((line, at) => at > from && /^[A-Z ]+:$/.test(line));
  return lines.slice(from + 1, to === -1 ? undefined : to);
}

/** What was run, without what etcdctl is told before the command. */
function commandOf({ args }: ComparedCommand, commands: readonly string[]): string | undefined {
  let at = 0;
  while (args[at]?.startsWith('-') === true) {
    const arg = args[at] ?? '';
    at += arg.includes('=') || switches.includes(arg) ? 1 : 2;
  }
  const [first = '', second = ''] = args.slice(at);
  return [`${first} ${second}`, first].find((name) => commands.includes(name));
}

function uses({ args }: ComparedCommand, flag: string, short: string): boolean {
  return args.some(
    (arg) =>
      arg === flag ||
      arg.startsWith(`${flag}=`) ||
      (short !== '' && (arg === short || arg.startsWith(`${short}=`))),
  );
}

describeWith(['etcdctl', 'etcd'], 'what was compared with etcd in this run', () => {
  test('every command of etcdctl and every flag of it has worked with both, but for those that say why not', async () => {
    const overview = await help();
    const commands = commandsIn(overview);
    expect(commands.length).toBeGreaterThan(40);
    const compared = takeCompared().map((one) => ({ ...one, command: commandOf(one, commands) }));
    const worked = compared.filter((one) => one.worked || verdicts.includes(one.command ?? ''));
    const missing: string[] = [];
    const table: string[] = [];
    for (const command of commands) {
      if (isException(command, command.split(' ')[0] ?? '')) continue;
      const runs = worked.filter((one) => one.command === command);
      if (runs.length === 0) missing.push(command);
      const counts: string[] = [];
      const text = await help(...command.split(' '));
      const own = new Map(flagsIn(text, 'OPTIONS'));
      // Of all commands of endpoint, and of nothing else.
      if (flagsIn(text, 'GLOBAL OPTIONS').has('--cluster')) own.set('--cluster', '');
      for (const [flag, short] of own) {
        const count = runs.filter((one) => uses(one, flag, short)).length;
        if (count === 0 && !isException(`${command} ${flag}`)) missing.push(`${command} ${flag}`);
        counts.push(`${flag} ${count}`);
      }
      table.push(`${command.padEnd(24)}${String(runs.length).padStart(4)}  ${counts.join(', ')}`);
    }
    for (const [flag, short] of flagsIn(overview, 'OPTIONS')) {
      // They are given to every command here.
      if (flag === '--endpoints' || flag === '--command-timeout') continue;
      if (!isException(flag) && !worked.some((one) => uses(one, flag, short))) missing.push(flag);
    }
    for (const format of formats) {
      if (!worked.some(({ args }) => args.includes(format))) missing.push(`-w ${format}`);
    }
    console.log(
      `${compared.length} commands of etcdctl were given to both; that worked:\n${table.join('\n')}`,
    );
    expect(missing).toEqual([]);
  });

  test('what is excepted is there', async () => {
    const commands = commandsIn(await help());
    for (const exception of Object.keys(exceptions)) {
      const command = exception.replace(/ ?--.*/, '');
      const flag = /--.*/.exec(exception)?.[0];
      expect([
        exception,
        commands.some((name) => `${name} `.startsWith(command === '' ? '' : `${command} `)),
      ]).toEqual([exception, true]);
      if (flag === undefined) continue;
      const text = command === '' ? await help() : await help(...command.split(' '));
      expect([exception, flagsIn(text, 'OPTIONS').has(flag)]).toEqual([exception, true]);
    }
  });
});
