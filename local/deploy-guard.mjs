/**
 * Stops a deploy that would replace what is not the mirror's: firebase-tools runs it before anything is
 * deployed, for `database` and for `hosting` (their `predeploy` in firebase.json), and puts the project's
 * id into GCLOUD_PROJECT. QUEST_MIRROR_OWNS names the projects whose rules and site are this repository's.
 */
const { GCLOUD_PROJECT: project = '', QUEST_MIRROR_OWNS: owned = '' } = process.env;

if (project === '' || !owned.split(/[\s,]+/).includes(project)) {
  console.error(
    `Nothing was deployed. quest-mirror's rules and site would replace those of ${project || 'the project'}.\n` +
      'The mirror alone: npx firebase deploy --only functions\n' +
      `Where both are yours to replace: set QUEST_MIRROR_OWNS to ${project || 'the id of the project'}.`,
  );
  process.exitCode = 1;
}
