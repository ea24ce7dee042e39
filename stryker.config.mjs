// For test/mutation/main.ts, which names the group of modules, and starts Postgres for the tests.
const name = process.env.QUEST_MUTATION_GROUP;

export default {
  testRunner: 'jest',
  plugins: ['@stryker-mutator/jest-runner'],
  // Related files would be looked for anew at each mutant; a group's tests are few.
  jest: { configFile: 'jest.mutation.config.cjs', enableFindRelatedTests: false },
  mutate: (process.env.QUEST_MUTATION_MODULES ?? '').split(','),
  coverageAnalysis: 'perTest',
  incremental: false,
  disableTypeChecks: false,
  concurrency: Number(process.env.QUEST_MUTATION_CONCURRENCY ?? 2),
  // On a machine that is busy with something else a run of a second may take many.
  timeoutMS: 20_000,
  ignorePatterns: ['bench', 'docs', 'hosting', 'ops', 'reports', 'functions/lib', '.local'],
  reporters: ['html', 'json', 'progress-append-only'],
  htmlReporter: { fileName: `reports/mutation/${name}.html` },
  jsonReporter: { fileName: `reports/mutation/${name}.json` },
};
