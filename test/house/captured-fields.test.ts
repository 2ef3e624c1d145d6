import { readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import ts from 'typescript';
import { expect, test } from 'vitest';

/**
 * Whatever a machine's class goes on changing is captured and restored, or it is said here why not. A field that nobody
 * passes would show in the simulator only where a run reaches the state in which it matters.
 */
const root = resolve(import.meta.dirname, '../..');

/** Fields that change and are not passed, by class: why not. */
const fieldsNotPassed: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  Cohort: { '#found': 'of one look-up', '#size': 'follows from the watches' },
  DatagramOutbox: { '#effects': 'of the step under way' },
  EntryCache: { '#bytes': 'follows from the entries' },
  GroupLog: { '#writer': 'a buffer', '#journals': 'given by the configuration; each is passed' },
  InflightWindow: { '#bytesTotal': 'follows from the appends' },
  Mvcc: {
    '#changes': 'of an open transaction',
    '#writesBytes': 'nothing waits to be written',
    '#writesBefore': 'of an open transaction',
    '#attachmentsChanged': 'nothing waits to be written',
    '#accounts': 'given',
  },
  Namespaces: {
    '#byName': 'in the store',
    '#prefixes': 'follows from the namespaces',
    '#unfinished': 'follows from the namespaces',
    '#version': 'of this life alone: whoever has seen one begins anew',
  },
  RaftGroup: { view: 'shows the state, has none' },
  Ring: { '#slots': 'the items are passed', '#head': 'where they begin means nothing' },
  StateMachine: {
    '#positionWriter': 'a buffer',
    '#configuration': 'in the store',
    '#quota': 'has no state of its own',
  },
  Watch: { bucket: 'the cohort says it', bucketAt: 'the cohort says it', cohort: 'itself says who is in it' },
  WatchStream: { watches: 'passed by the hub, in order', parked: 'passed by the hub, in order' },
};

/** Classes that change and are not passed as such: why not. */
const classesNotPassed: Readonly<Record<string, string>> = {
  AlarmState: 'all of it is in the store',
  CheckState: 'all of it is in the store',
  HandOver: 'lives within a step, which the member asserts',
  InitialCluster: 'lives while a cluster is found, on no machine',
  Lease: 'passed by the table',
  LogReplay: 'lives while a log is recovered',
  MemberDirectory: 'all of it is in the store',
  Membership: 'all of it is in the store',
  Namespace: 'all of it is in the store',
  Prefixes: 'follows from the namespaces',
  WatchQuota: 'counted anew',
  ReplayedGroup: 'lives while a log is recovered',
  SortedPick: 'lives within the answer to a range',
  WatchBucket: 'made anew as watches are added',
  WatchEvent: 'lives within a step',
  WatchGroup: 'made anew as watches are added',
  IntervalTree: 'made anew as watches are added',
};

interface StatefulClass {
  readonly name: string;
  readonly changing: readonly string[];
  /** What is said in its methods that pass state, or, for lack of one, undefined. */
  readonly passed: string | undefined;
}

const folders = [
  'core/raft',
  'core/chainfire',
  'core/chainfire/alarm',
  'core/chainfire/lease',
  'core/chainfire/mvcc',
  'core/chainfire/namespace',
  'core/chainfire/watch',
  'core/swim',
];
const singles = ['core/base/ring.ts', 'core/base/heap.ts', 'core/storage/record-log.ts'];
/** A class whose fields another file passes. */
const passedElsewhere: Readonly<Record<string, string>> = {
  GroupState: 'core/raft/group-capture.ts',
  Watch: 'core/chainfire/watch/stream.ts',
};

const classes = [...folders.flatMap(filesOf), ...singles].flatMap(classesOf);
const stateful = new Set(classes.filter(({ passed }) => passed !== undefined).map(({ name }) => name));

test('there is much to look at', () => {
  expect(classes.length).toBeGreaterThan(40);
  expect(stateful.size).toBeGreaterThan(30);
});

test('a class that changes passes its state, or it is said why not', () => {
  const silent = classes.filter(({ passed, changing }) => passed === undefined && changing.length > 0);
  expect(silent.map(({ name }) => name).sort()).toEqual(Object.keys(classesNotPassed).sort());
});

test.each(classes.filter(({ passed }) => passed !== undefined).map((found) => [found.name, found] as const))(
  '%s passes every field that it goes on changing',
  (name, { changing, passed }) => {
    const forgotten = changing.filter((field) => !mentions(passed ?? '', field));
    expect(forgotten.sort()).toEqual(Object.keys(fieldsNotPassed[name] ?? {}).sort());
  },
);

test('what a form gives back is kept: otherwise a field is captured, and never restored', () => {
  const files = [...folders.flatMap(filesOf), ...singles];
  expect(files.flatMap(discarded)).toEqual([]);
});

function filesOf(folder: string): readonly string[] {
  return readdirSync(join(root, folder))
    .filter((file) => file.endsWith('.ts'))
    .map((file) => `${folder}/${file}`);
}

function classesOf(file: string): readonly StatefulClass[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(root, file), 'utf8'),
    ts.ScriptTarget.ES2023,
    true,
  );
  const found: StatefulClass[] = [];
  for (const statement of source.statements) {
    if (!ts.isClassDeclaration(statement) || statement.name === undefined) continue;
    const name = statement.name.text;
    const passing = statement.members.filter(
      (member) => ts.isMethodDeclaration(member) && /^#?(pass|additions)/.test(member.name.getText()),
    );
    const elsewhere = passedElsewhere[name];
    const texts = passing.map((member) => member.getText());
    if (elsewhere !== undefined) texts.push(readFileSync(join(root, elsewhere), 'utf8'));
    const changing = statement.members.filter(ts.isPropertyDeclaration).filter(isChanging).map(nameOf);
    found.push({ name, changing, passed: texts.length === 0 ? undefined : texts.join('\n') });
  }
  return found;

  function isChanging(field: ts.PropertyDeclaration): boolean {
    if (!(field.modifiers ?? []).some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword)) return true;
    const made = field.initializer ?? madeInConstructor(field);
    return made !== undefined && (ts.isNewExpression(made) || ts.isArrayLiteralExpression(made));
  }
}

/** Statements `form.number(…);` whose result goes nowhere. */
function discarded(file: string): readonly string[] {
  const source = ts.createSourceFile(
    file,
    readFileSync(join(root, file), 'utf8'),
    ts.ScriptTarget.ES2023,
    true,
  );
  const found: string[] = [];
  const look = (node: ts.Node): void => {
    if (ts.isExpressionStatement(node) && isGiven(node.expression)) found.push(`${file}: ${node.getText()}`);
    ts.forEachChild(node, look);
  };
  look(source);
  return found;
}

function isGiven(expression: ts.Expression): boolean {
  if (!ts.isCallExpression(expression) || !ts.isPropertyAccessExpression(expression.expression)) return false;
  const { expression: object, name } = expression.expression;
  if (!['form', 'fields', 'row'].includes(object.getText())) return false;
  return /^(number|flag|text|big|choice|bytes|optional|list)$/.test(name.text);
}

/** `this.#field = new Something(…)` in the constructor of the class. */
function madeInConstructor(field: ts.PropertyDeclaration): ts.Expression | undefined {
  const constructor = field.parent.members.find(ts.isConstructorDeclaration);
  for (const statement of constructor?.body?.statements ?? []) {
    if (!ts.isExpressionStatement(statement) || !ts.isBinaryExpression(statement.expression)) continue;
    const { left, right } = statement.expression;
    if (left.getText() === `this.${nameOf(field)}` && ts.isNewExpression(right)) return right;
  }
  return undefined;
}

function nameOf(field: ts.PropertyDeclaration): string {
  return field.name.getText();
}

function mentions(text: string, field: string): boolean {
  const escaped = field.replace('#', '\\#');
  return new RegExp(`\\b(this|state|passed|watch)\\.${escaped}\\b`).test(text);
}
