import js from '@eslint/js';
import tseslint from 'typescript-eslint';

/** What would let the outside world into a machine: time, randomness, asynchrony, locale, unordered iteration. */
const forbiddenGlobals = [
  ['Date', 'time enters a machine as nowUs'],
  ['Intl', 'locale differs between machines'],
  ['Promise', 'a machine never waits'],
  ['WeakRef', 'garbage collection is not deterministic'],
  ['FinalizationRegistry', 'garbage collection is not deterministic'],
  ['globalThis', 'the world is not in reach of a machine'],
  ['setTimeout', 'use deadlineUs'],
  ['setInterval', 'use deadlineUs'],
  ['setImmediate', 'use deadlineUs'],
  ['queueMicrotask', 'a machine never waits'],
  ['performance', 'time enters a machine as nowUs'],
  ['process', 'the world is not in reach of a machine'],
  ['Buffer', 'use Uint8Array'],
  ['crypto', 'randomness is handed in as a Prng'],
  ['fetch', 'the world is not in reach of a machine'],
  ['console', 'a machine has effects, not output'],
].map(([name, message]) => ({ name, message }));

/** Integer-safe members of Math: the same bits on every machine. */
const integerMath = ['abs', 'min', 'max', 'floor', 'ceil', 'trunc', 'sign', 'imul', 'clz32', 'round'];

const determinism = [
  {
    selector: `MemberExpression[object.name='Math']:not([property.name=/^(${integerMath.join('|')})$/])`,
    message: `Only the integer-safe members of Math are deterministic everywhere: ${integerMath.join(', ')}.`,
  },
  { selector: ':function[async=true]', message: 'A machine never waits.' },
  { selector: 'AwaitExpression', message: 'A machine never waits.' },
  { selector: 'ForInStatement', message: 'for…in has no defined order; iterate an array or a Map.' },
  {
    selector: "CallExpression[callee.property.name='localeCompare']",
    message: 'Locale differs between machines.',
  },
  {
    selector: "CallExpression[callee.property.name='toLocaleString']",
    message: 'Locale differs between machines.',
  },
  {
    selector: "CallExpression[callee.property.name='sort'][arguments.length=0]",
    message: 'sort without a comparator orders by string conversion; say what you mean.',
  },
  {
    selector: "CallExpression[callee.property.name='toSorted'][arguments.length=0]",
    message: 'toSorted without a comparator orders by string conversion; say what you mean.',
  },
];

export default tseslint.config(
  { ignores: ['node_modules', 'dist', 'reports/out'] },
  js.configs.recommended,
  ...tseslint.configs.strict,
  {
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/no-non-null-assertion': 'error',
      '@typescript-eslint/consistent-type-imports': ['error', { fixStyle: 'inline-type-imports' }],
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_' }],
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      'no-empty': ['error', { allowEmptyCatch: false }],
      eqeqeq: 'error',
      'max-lines': ['error', { max: 500, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 70, skipBlankLines: true, skipComments: true }],
    },
  },
  {
    files: ['core/**/*.ts', 'sim/**/*.ts', 'scenarios/**/*.ts'],
    rules: {
      'no-restricted-globals': ['error', ...forbiddenGlobals],
      'no-restricted-syntax': ['error', ...determinism],
    },
  },
  {
    // A page shows what a run held, keys and values of clients included, and reaches nothing beyond its file.
    files: ['reports/page/client/**', 'reports/page/model/**'],
    rules: {
      'no-restricted-globals': [
        'error',
        ...['fetch', 'XMLHttpRequest', 'WebSocket', 'EventSource', 'localStorage', 'sessionStorage'].map(
          (name) => ({
            name,
            message: 'a page is one file that needs no network and keeps nothing',
          }),
        ),
      ],
      'no-restricted-properties': [
        'error',
        ...['innerHTML', 'outerHTML', 'insertAdjacentHTML'].map((property) => ({
          property,
          message: 'what a run held is text, never markup',
        })),
      ],
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'what a run held is text, never markup',
        },
      ],
    },
  },
  {
    // A suite is one long function by nature; its tests are what should be short.
    files: ['test/**/*.ts'],
    rules: { 'max-lines-per-function': 'off' },
  },
  {
    files: ['**/*.js', '**/*.cjs'],
    languageOptions: { globals: { module: 'writable', process: 'readonly' } },
  },
);
