import { referencePage } from '../../adapters/config/describe.ts';
import {
  brokerConfigDefinitions,
  type ConfigDefinition,
  configsOfOneBroker,
  describeConfigType,
  topicConfigDefinitions,
} from '../../core/chronik/metadata/config-schema.ts';
import { chronikSchema } from './settings.ts';

const introduction =
  'Addresses are `host:port`. Durations and sizes carry their unit in the name; where Kafka has the setting, its name stands ' +
  'beside it. This page is written by `node nodes/chronik/write-reference.ts` from the schema that the process itself uses.';

/** The page `docs/reference/chronik-configuration.md`. */
export function chronikReference(): string {
  return referencePage(chronikSchema, introduction);
}

/** The page `docs/reference/chronik-settings.md`: what can be set while brokers run. */
export function settingsReference(): string {
  const own = brokerConfigDefinitions.filter(
    ({ name }) => !topicConfigDefinitions.some(({ brokerName }) => brokerName === name),
  );
  const lines = [
    '# Settings of topics and brokers',
    '',
    'What can be set while brokers run, by `photon topic alter` or any Kafka client. What is not set for a topic is as it is set for all',
    'brokers, under the name in the second column; else as the process was configured; else the default. A value that is not allowed is',
    'refused, and nothing is changed.',
    'This page is written by `node nodes/chronik/write-reference.ts` from the table that brokers themselves use.',
    '',
    '## Topics',
    '',
    ...table(
      ['setting', 'for all brokers', 'allowed', 'default', 'meaning'],
      topicConfigDefinitions.map(topicRow),
    ),
    '',
    '## Brokers',
    '',
    `For all brokers at once; of one broker, by its id: ${configsOfOneBroker.map(code).join(', ')}.`,
    '',
    ...table(['setting', 'allowed', 'default', 'meaning'], own.map(brokerRow)),
    '',
  ];
  return lines.join('\n');
}

function topicRow({ name, brokerName, type, default: value, doc }: ConfigDefinition): readonly string[] {
  return [
    code(name),
    brokerName === undefined ? '' : code(brokerName),
    describeConfigType(type),
    code(value),
    doc,
  ];
}

function brokerRow({ name, type, default: value, doc }: ConfigDefinition): readonly string[] {
  return [code(name), describeConfigType(type), code(value), doc];
}

function code(text: string): string {
  return text === '' ? '' : `\`${text}\``;
}

/** As Prettier lays tables out: columns as wide as their widest cell. */
function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  const cells = [head, ...rows].map((row) => row.map((cell) => cell.replaceAll('*', '\\*')));
  const widths = head.map((_, column) => Math.max(3, ...cells.map((row) => (row[column] ?? '').length)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  const [first = [], ...rest] = cells;
  return [line(first), rule, ...rest.map(line)];
}
