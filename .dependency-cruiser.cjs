/** Imports flow one way: bin → commands → src, and the parts of src do not know each other. */
const parts = ['drivers', 'service', 'credentials', 'destinations'];

module.exports = {
  forbidden: [
    {
      name: 'src-knows-no-commands',
      severity: 'error',
      from: { path: '^src' },
      to: { path: '^(commands|bin)' },
    },
    {
      name: 'nothing-imports-tests',
      severity: 'error',
      from: { path: '^(src|commands|bin)' },
      to: { path: '^(test|bench)' },
    },
    {
      name: 'domain-imports-nothing-below',
      severity: 'error',
      from: { path: '^src/keys\\.ts' },
      to: { path: '^src/', pathNot: '^src/(audit|errors|secret)\\.ts' },
    },
    {
      name: 'errors-import-nothing',
      severity: 'error',
      from: { path: '^src/errors\\.ts' },
      to: { path: '^src/' },
    },
    ...parts.map((part) => ({
      name: `${part}-apart`,
      severity: 'error',
      from: { path: `^src/${part}/` },
      to: { path: `^src/(${parts.filter((other) => other !== part).join('|')})/` },
    })),
    {
      name: 'no-circles',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: { extensions: ['.ts', '.js'] },
  },
};
