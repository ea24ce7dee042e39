'use strict';
/**
 * What `firebase deploy --only functions` would do to functions that are there, by firebase-tools' own
 * planner: reads `{ manifest, codebase, prefix, instanceId, userEnvs, only, project, have }` as JSON from
 * stdin, and writes the functions that are created, updated and deleted to stdout.
 *
 * The steps are those of its deploy/functions/prepare.js and release/index.js, without what asks Google:
 * which functions are there is made up, and so is whose service account they run as.
 */
const { createRequire } = require('node:module');
const { join } = require('node:path');
const { text } = require('node:stream/consumers');

const tools = createRequire(join(__dirname, '..', '..', '..', 'package.json'));
const lib = (path) => tools(`firebase-tools/lib/${path}`);
const { yamlToBuild } = lib('deploy/functions/runtimes/discovery');
const build = lib('deploy/functions/build');
const backend = lib('deploy/functions/backend');
const { getEndpointFilters, groupEndpointsByCodebase } = lib(
  'deploy/functions/functionsDeployHelper',
);
const { createDeploymentPlan } = lib('deploy/functions/release/planner');

async function main() {
  const { manifest, codebase, prefix, instanceId, userEnvs, only, project, have } = JSON.parse(
    await text(process.stdin),
  );
  const wantBuild = yamlToBuild(manifest, project, 'us-central1', 'nodejs22');
  if (instanceId) build.applyKitSecretRefPrefix(wantBuild, instanceId);
  build.applyEndpointPrefix(wantBuild, prefix);
  // Whether a secret is there is asked of Secret Manager.
  wantBuild.params = wantBuild.params.filter(({ type }) => type !== 'secret');
  const { backend: wantBackend } = await build.resolveBackend({
    ...{ build: wantBuild, firebaseConfig: { projectId: project }, userEnvs, codebase },
    ...{ nonInteractive: true, isEmulator: false },
  });
  const managedSA = `firebase-fn-1@${project}.example`;
  const serviceAccount = wantBackend.requiredRoles ? managedSA : `runtime@${project}.example`;
  for (const endpoint of backend.allEndpoints(wantBackend)) {
    Object.assign(endpoint, { codebase, serviceAccount });
  }
  const found = have.map((endpoint) => ({ project, ...endpoint }));
  const haveBackends = groupEndpointsByCodebase({ [codebase]: wantBackend }, found);
  const plan = await createDeploymentPlan({
    ...{ codebase, projectId: project, wantBackend, haveBackend: haveBackends[codebase] },
    managedSA,
    filters: getEndpointFilters({ only }, [{ source: 'functions', codebase }]),
  });
  const changes = Object.values(plan.regionalChangesets);
  const nameOf = ({ id, region }) => `${id}(${region})`;
  process.stdout.write(
    JSON.stringify({
      changes: {
        create: changes.flatMap(({ endpointsToCreate }) => endpointsToCreate.map(nameOf)).sort(),
        update: changes
          .flatMap(({ endpointsToUpdate }) =>
            endpointsToUpdate.map(({ endpoint }) => nameOf(endpoint)),
          )
          .sort(),
        delete: changes.flatMap(({ endpointsToDelete }) => endpointsToDelete.map(nameOf)).sort(),
      },
      secrets: plan.secretAccessPlan,
      serviceAccount: plan.serviceAccountToCreate,
      roles: plan.rolesToAdd,
      // What each function of the instance sees beside its parameters.
      environment: Object.keys(
        lib('functions/env').loadFirebaseEnvs({ projectId: project }, project, instanceId),
      ),
    }),
  );
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exitCode = 1;
});
