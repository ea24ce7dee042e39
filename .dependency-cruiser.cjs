'use strict';
/** Who may import whom, types included: `npm run lint:arrows`. Words to it: docs/architecture.md, "Layers". */

/** The rooms of functions/src, floor by floor. A room imports from the floors below its own only. */
const FLOORS = [
  ['values'],
  ['errors'],
  ['paths'],
  ['postgres', 'runtime'],
  ['rtdb'],
  ['coverage', 'divergences'],
  ['flag'],
  ['canary', 'mirror', 'new-path', 'purge'],
  ['completions-only'],
  ['api'],
  ['deploy'],
  ['cli'],
];

const folder = (names) => `^functions/src/(?:${names.join('|')})/`;
const npm = (names) => `node_modules/(?:${names.join('|')})(?:/|$)`;

const up = FLOORS.flatMap((rooms, floor) =>
  rooms.map((room) => ({
    name: `${room}-looks-down`,
    severity: 'error',
    comment: `${room}/ imports its own files, and those of the floors below it`,
    from: { path: folder([room]) },
    to: { path: '^functions/src/', pathNot: folder([room, ...FLOORS.slice(0, floor).flat()]) },
  })),
);

/** The folders of the repository: what each imports of the others. */
const FOLDERS = {
  functions: [],
  'rtdb-standin': [],
  ops: ['functions/src/app-paths'],
  local: ['functions/src', 'rtdb-standin'],
  bench: ['functions/src', 'local'],
};

const across = Object.entries(FOLDERS).map(([name, others]) => ({
  name: `${name}-stands-alone`,
  severity: 'error',
  comment: `${name}/ imports from ${others.join(', ') || 'no other folder'}`,
  from: { path: `^${name}/` },
  to: {
    path: `^(?:${[...Object.keys(FOLDERS), 'test', 'migrations', 'docs'].join('|')})/`,
    pathNot: `^(?:${[name, ...others].join('|')})(?:/|\\.)`,
  },
}));

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-circles', severity: 'error', from: {}, to: { circular: true } },
    { name: 'no-dead-ends', severity: 'error', from: {}, to: { couldNotResolve: true } },
    ...across,
    ...up,
    {
      name: 'every-room-has-a-floor',
      severity: 'error',
      comment: 'a folder of functions/src that FLOORS lacks',
      from: { path: '^functions/src/[^/]+/', pathNot: folder(FLOORS.flat()) },
      to: {},
    },
    {
      name: 'wiring-is-for-entries',
      severity: 'error',
      comment: 'only what is started imports deploy/: the functions, the command line, local/ and bench/',
      from: { path: '^functions/src/', pathNot: ['^functions/src/(?:index|library)\\.ts$', folder(['deploy', 'cli'])] },
      to: { path: folder(['deploy']) },
    },
    {
      name: 'verbs-are-for-the-terminal',
      severity: 'error',
      comment: 'local/mirror.ts runs the command line with verbs of its own; the rest knows nothing of it',
      from: { path: '^(?:local|bench|ops)/', pathNot: '^local/mirror\\.ts$' },
      to: { path: folder(['cli']) },
    },
    {
      name: 'pure-core',
      severity: 'error',
      comment: 'values/, errors/ and paths/ import no package',
      from: { path: folder(['values', 'errors', 'paths']) },
      to: { path: 'node_modules/' },
    },
    {
      name: 'postgres-is-a-driver',
      severity: 'error',
      comment: 'postgres/ knows no path, and so no table',
      from: { path: folder(['postgres']) },
      to: { path: folder(['paths']) },
    },
    {
      name: 'pg-in-its-room',
      severity: 'error',
      comment: 'connections are made in postgres/; migrations (cli/) have one of their own',
      from: { path: '^functions/src/', pathNot: folder(['postgres', 'cli']) },
      to: { path: npm(['pg']), dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'firebase-functions-in-deploy',
      severity: 'error',
      comment: 'only deploy/ defines functions; anybody may log',
      from: { path: '^functions/src/', pathNot: folder(['deploy']) },
      to: { path: npm(['firebase-functions']), pathNot: 'firebase-functions/lib/logger/' },
    },
    {
      name: 'firebase-admin-in-deploy-and-rtdb',
      severity: 'error',
      from: { path: '^functions/src/', pathNot: folder(['deploy', 'rtdb']) },
      to: { path: npm(['firebase-admin']) },
    },
  ],
  options: {
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    doNotFollow: { path: 'node_modules' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'require', 'node', 'default', 'types'],
    },
  },
};
