'use strict';
/** Who may import whom, types included: `npm run lint:arrows`. In words: docs/architecture.md, "Layers". */

/** The rooms of functions/src, floor by floor: a room imports itself and the floors below its own. */
const FLOORS = [
  ['values'],
  ['errors'],
  ['paths'],
  ['postgres', 'runtime'],
  ['rtdb'],
  ['coverage', 'divergences'],
  ['flag'],
  ['canary', 'identities', 'mirror', 'new-path', 'purge'],
  ['readings'],
  ['backup'],
  ['backfill', 'erase', 'explain', 'gate', 'repair'],
  ['dashboard'],
  ['api'],
  ['deploy'],
  ['cli'],
];

/** The folders of the repository, with what each imports of the others; `test/` imports what it tests. */
const FOLDERS = {
  functions: [],
  'rtdb-standin': [],
  ops: ['functions/src/app-paths', 'functions/src/paths/check-paths'],
  local: ['functions/src', 'rtdb-standin', 'simulate'],
  simulate: ['functions/src', 'local', 'rtdb-standin'],
  bench: ['functions/src', 'local'],
};

const rooms = (names) => `^functions/src/(?:${names.join('|')})/`;
const npm = (name) => `(?:^|/)node_modules/${name}/`;

const insideTheHouse = FLOORS.flatMap((floor, number) =>
  floor.map((room) => ({
    name: `${room}/ looks down`,
    comment: 'A room of functions/src imports itself and the floors below its own.',
    from: { path: rooms([room]) },
    to: { path: '^functions/src/', pathNot: rooms([room, ...FLOORS.slice(0, number).flat()]) },
  })),
);
// The verbs know this app's paths.
insideTheHouse.at(-1).to.pathNot += '|^functions/src/app-paths\\.ts$';

const betweenFolders = Object.entries(FOLDERS).map(([folder, others]) => ({
  name: `${folder}/ imports ${others.join(', ') || 'no other folder'}`,
  from: { path: `^${folder}/` },
  to: {
    path: `^(?:${[...Object.keys(FOLDERS), 'test'].join('|')})/`,
    pathNot: `^(?:${[folder, ...others].join('|')})(?:/|\\.)|node_modules/`,
  },
}));

/** @type {import('dependency-cruiser').IForbiddenRuleType[]} */
const rules = [
  {
    name: 'no circles',
    from: {},
    to: { circular: true },
  },
  { name: 'what is imported is found', from: {}, to: { couldNotResolve: true } },
  ...betweenFolders,
  ...insideTheHouse,
  {
    name: 'every room has a floor',
    from: { path: '^functions/src/[^/]+/', pathNot: rooms(FLOORS.flat()) },
    to: {},
  },
  {
    name: 'every file has a room',
    comment: 'But what the package exports, what is deployed, and its paths.',
    from: { path: '^functions/src/[^/]+$', pathNot: '/(?:library|index|app-paths)\\.ts$' },
    to: {},
  },
  {
    name: 'app-paths.ts imports paths/',
    from: { path: '^functions/src/app-paths\\.ts$' },
    to: { path: '^functions/src/', pathNot: rooms(['paths']) },
  },
  {
    name: 'of cli/ others import main.ts',
    from: { path: '^(?:local|simulate|bench|ops)/' },
    to: { path: rooms(['cli']), pathNot: '^functions/src/cli/main\\.ts$' },
  },
  {
    name: 'the core is pure',
    comment: 'values/, errors/ and paths/ import no package.',
    from: { path: rooms(['values', 'errors', 'paths']) },
    to: { path: 'node_modules/' },
  },
  {
    name: 'postgres/ is a driver',
    comment: 'It knows no path, and so no table.',
    from: { path: rooms(['postgres']) },
    to: { path: rooms(['paths']) },
  },
  {
    name: 'pg stays in its rooms',
    comment: 'Connections are made in postgres/; migrate and doctor make other ones. Types travel.',
    from: { path: '^functions/src/', pathNot: rooms(['postgres', 'cli/migrate', 'cli/doctor']) },
    to: { path: npm('pg'), dependencyTypesNot: ['type-only'] },
  },
  {
    name: 'deploy/ alone defines functions',
    comment: 'Everybody may log.',
    from: { path: '^functions/src/', pathNot: rooms(['deploy']) },
    to: { path: npm('firebase-functions'), pathNot: 'firebase-functions/lib/logger/' },
  },
  {
    name: 'firebase-admin stays in deploy/',
    from: { path: '^functions/src/', pathNot: rooms(['deploy']) },
    to: { path: npm('firebase-admin') },
  },
];

/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: rules.map((rule) => ({ severity: 'error', ...rule })),
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
