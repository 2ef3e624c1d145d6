/** Who may import whom. The one idea depends on it: core knows nothing of the world it runs in. */
const only = (from, ...allowed) => ({
  name: `${from}-imports-only-${allowed.join('-') || 'itself'}`,
  severity: 'error',
  from: { path: `^${from}/` },
  to: {
    pathNot: [`^${from}/`, ...allowed.map((room) => `^${room}/`), 'node_modules', '^node:'],
    dependencyTypesNot: ['core', 'npm', 'npm-dev'],
  },
});
const systems = ['chainfire', 'chronik', 'plasma', 'flaredb', 'aegis', 'flashdns'];

module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'resolvable', severity: 'error', from: {}, to: { couldNotResolve: true } },
    {
      name: 'core-imports-core',
      comment: 'core imports nothing outside core/: no package, no Node module.',
      severity: 'error',
      from: { path: '^core/' },
      to: { pathNot: '^core/' },
    },
    only('sim', 'core'),
    only('adapters', 'core'),
    only('scenarios', 'sim', 'core'),
    only('reports', 'sim', 'scenarios', 'core'),
    {
      name: 'no-node-modules-in-browser-rooms',
      comment:
        'sim and scenarios also run in a page: workers and files live in nodes/. seedrandom and fast-check are their only packages.',
      severity: 'error',
      from: { path: '^(sim|scenarios)/' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev'],
        pathNot: 'node_modules/(@types/)?(seedrandom|fast-check)/',
      },
    },
    {
      name: 'pages-run-in-a-browser',
      comment:
        'What a page is bundled of runs where no Node module is; preact and uplot are its only packages.',
      severity: 'error',
      from: { path: '^reports/(page/(client|model)|evidence)/' },
      to: {
        dependencyTypes: ['core', 'npm', 'npm-dev'],
        pathNot: 'node_modules/(preact|uplot)/',
      },
    },
    ...systems.map((system) => ({
      name: `${system}-is-an-island`,
      comment: 'Systems meet only in core/cloud.',
      severity: 'error',
      from: { path: `^core/${system}/` },
      to: { path: systems.filter((other) => other !== system).map((other) => `^core/${other}/`) },
    })),
    {
      name: 'foundations-know-no-system',
      severity: 'error',
      from: { path: '^core/(base|wire|storage|raft|swim)/' },
      to: { path: `^core/(cloud|${systems.join('|')})/` },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
    },
  },
};
