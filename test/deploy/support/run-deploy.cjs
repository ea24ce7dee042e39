'use strict';
/**
 * `firebase deploy` by firebase-tools' own modules, from where it has signed in to where it would write:
 * targets, hooks and their order are its own. What would talk to Google says so on stdout instead.
 *
 *   node run-deploy.cjs <folder of firebase.json> <project> [--only …]
 */
const { createRequire } = require('node:module');
const { join } = require('node:path');

const tools = createRequire(join(__dirname, '..', '..', '..', 'package.json'));
const { Config } = tools('firebase-tools/lib/config');
const { filterTargets } = tools('firebase-tools/lib/filterTargets');
const { TARGETS, VALID_DEPLOY_TARGETS, deploy } = tools('firebase-tools/lib/deploy');

const [folder, project, only] = process.argv.slice(2);

for (const name of Object.keys(TARGETS)) {
  const say = (step) => async () => process.stdout.write(`${step} ${name}\n`);
  TARGETS[name] = { prepare: say('prepare'), deploy: say('deploy'), release: say('release') };
}

// The site is what the command finds out by asking Google: the project's default one.
const options = { cwd: folder, projectRoot: folder, project, site: project, only };
options.config = Config.load(options);
const targets = filterTargets(options, [...VALID_DEPLOY_TARGETS]);
process.stdout.write(`targets ${targets.join(',')}\n`);
deploy(targets, options).then(
  () => process.stdout.write('deployed\n'),
  (error) => {
    process.stdout.write(`refused: ${error.message}\n`);
    process.exitCode = 1;
  },
);
