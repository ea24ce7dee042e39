// node firebase-kit.cjs install|plan ANSWER_FILE [instance] — in the folder of a Firebase project.
// Runs firebase-tools' own modules as far as they go without an account: the command
// `functions:kits:install --no-configure` below its sign-in, and a deploy's discovery and plan.
'use strict';
const { writeFileSync } = require('node:fs');
const tools = (/** @type {string} */ name) => require(`firebase-tools/lib/${name}`);

const PROJECT = 'demo-quests';
const [verb, answerFile, instanceId] = process.argv.slice(2);
const { Config } = tools('config');
const config = Config.load({ cwd: process.cwd() });
const options = {
  only: process.env.KIT_ONLY,
  config,
  project: PROJECT,
  projectId: PROJECT,
  projectRoot: process.cwd(),
};

function install() {
  return tools('functions/kits/install').installKitOrInstance({
    ...options,
    package: 'quest-mirror',
    // A terminal would be asked whether it trusts a package of a third party, and for parameters.
    ...{ nonInteractive: true, force: true, configure: false },
    ...(instanceId ? { instanceId } : {}),
    rc: new (tools('rc').RC)(),
  });
}

/** What a deploy beside the functions that are there would create, update and delete, by codebase. */
async function plan() {
  const { loadCodebases } = tools('deploy/functions/prepare');
  const { getEndpointFilters, groupEndpointsByCodebase } = tools(
    'deploy/functions/functionsDeployHelper',
  );
  const functions = tools('functions/projectConfig').normalizeAndValidate(config.src.functions);
  const firebase = { projectId: PROJECT };
  const present = JSON.parse(process.env.KIT_PRESENT_FUNCTIONS ?? '[]');
  const filters = getEndpointFilters(options, functions);
  const builds = await loadCodebases(functions, options, firebase, { firebase }, filters);
  const wanted = {};
  for (const [codebase, build] of Object.entries(builds)) {
    const own = present.filter((one) => one.codebase === codebase);
    wanted[codebase] = await resolve(functions, codebase, build, own);
  }
  const have = groupEndpointsByCodebase(wanted, present);
  return Object.fromEntries(
    Object.entries(wanted).map(([codebase, backend]) => [
      codebase,
      planned(backend, have[codebase]),
    ]),
  );
}

/** As a deploy resolves parameters and secrets from a codebase's or an instance's `.env` files. */
async function resolve(functions, codebase, build, present) {
  const { applyEnvSecretBindingsToBuild, parseSecretRef, resolveBackend } =
    tools('deploy/functions/build');
  const { configForCodebase, resolveConfigDir } = tools('functions/projectConfig');
  const own = configForCodebase(functions, codebase);
  const configDir = resolveConfigDir(own, codebase);
  const envs = tools('functions/env').loadUserEnvs({
    functionsSource: config.path(own.source),
    projectId: PROJECT,
    projectDir: config.projectDir,
    ...(configDir ? { configDir: config.path(configDir) } : {}),
  });
  const { partitionUserEnvs, resolveDefaultRegionsForBuild } = tools('deploy/functions/prepare');
  const { userEnvs, secretRefs } = partitionUserEnvs(envs);
  const bindings = Object.entries(secretRefs).map(([key, ref]) => [key, parseSecretRef(ref)]);
  await applyEnvSecretBindingsToBuild(build, Object.fromEntries(bindings));
  const { backend } = await resolveBackend({
    ...{ build, firebaseConfig: { projectId: PROJECT }, userEnvs, codebase, nonInteractive: true },
    resolveRegions: (one, values) =>
      resolveDefaultRegionsForBuild(one, tools('deploy/functions/backend').of(...present), values),
    // Else it looks whether the secret is there, which takes an account.
    isEmulator: true,
  });
  return backend;
}

function planned(backend, have) {
  const { calculateChangesets } = tools('deploy/functions/release/planner');
  const { allEndpoints } = tools('deploy/functions/backend');
  const regions = new Set([...Object.keys(backend.endpoints), ...Object.keys(have.endpoints)]);
  const sets = [...regions].flatMap((region) =>
    Object.values(
      calculateChangesets(backend.endpoints[region] ?? {}, have.endpoints[region] ?? {}, () => ''),
    ),
  );
  const ids = (/** @type {string} */ name) =>
    sets.flatMap((set) => set[name].map((one) => (one.endpoint ?? one).id)).sort();
  return {
    create: ids('endpointsToCreate'),
    update: ids('endpointsToUpdate'),
    delete: ids('endpointsToDelete'),
    endpoints: allEndpoints(backend),
  };
}

(verb === 'install' ? install() : plan())
  .then((answer) => writeFileSync(answerFile, JSON.stringify(answer)))
  .catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exitCode = 1;
  });
