import { read } from '../../deploy/settings';
import { readRtdb } from '../../rtdb/rtdb-client';
import { type Check, type Diagnosis, type Doctor, fail, ok, skipped } from './check';
import { type Deployment, resolve } from './deployment';
import { ONE_COUPLE } from './rtdb-checks';

const TRIGGER = 'mirrorQuestCompletion';

/** The trigger as it would be deployed. */
export interface DeployedTrigger {
  region: string | undefined;
  instance: string | undefined;
  retry: boolean;
}

/** Reads the trigger from a deployment's manifest; null where there is none. Pure. */
export function triggerOf(deployment: Deployment): DeployedTrigger | null {
  const endpoint = deployment.manifest.endpoints[TRIGGER];
  const trigger = endpoint?.eventTrigger;
  if (endpoint === undefined || trigger === undefined) return null;
  const instance = trigger.eventFilterPathPatterns?.instance ?? trigger.eventFilters?.instance;
  return {
    region: regionOf(TRIGGER, deployment),
    instance: resolve(instance, deployment),
    retry: trigger.retry === true,
  };
}

function regionOf(functionId: string, deployment: Deployment): string | undefined {
  const region = deployment.manifest.endpoints[functionId]?.region;
  return resolve(Array.isArray(region) ? region.join(', ') : region, deployment);
}

/** Events that fail are lost unless the platform delivers them again. Pure. */
export function retryCheck({ retry }: DeployedTrigger): Diagnosis {
  if (retry) return ok('failed events are delivered again, for 24 hours');
  return fail('failed events are lost', 'deploy the trigger with retry: true');
}

/** One database, by its name: a second one must not be mirrored by accident. Pure. */
export function instanceCheck({ instance }: DeployedTrigger, project: string): Diagnosis {
  if (instance !== undefined && !instance.includes('*')) return ok(`listens to ${instance} only`);
  if (project.startsWith('demo-')) return skipped(`${project} is for emulators only`);
  const advice = `set RTDB_INSTANCE in functions/.env.${project}`;
  if (instance === undefined) return fail('no instance is set', advice);
  return fail(`listens to all instances that match ${instance}`, advice);
}

/** Events don't cross regions. Pure. */
export function regionCheck({ region }: DeployedTrigger, databaseRegion: string): Diagnosis {
  if (region === databaseRegion) return ok(`trigger and database are both in ${region}`);
  return fail(
    `the trigger is in ${region ?? 'no region'}, the database in ${databaseRegion}`,
    'set RTDB_REGION to the region of the database',
  );
}

/** Hosting finds a function only where `firebase.json` says that it is. Pure. */
export function rewriteCheck(deployment: Deployment): Diagnosis {
  const { rewrites, manifest } = deployment;
  if (rewrites === null) return skipped('firebase.json could not be read');
  for (const { functionId, region } of rewrites) {
    if (manifest.endpoints[functionId] === undefined) {
      return fail(
        `hosting leads to ${functionId}, which is not among the functions`,
        'correct the rewrite in firebase.json',
      );
    }
    const deployed = regionOf(functionId, deployment);
    // Without a region, firebase-tools looks for the function itself.
    if (region === undefined || region === deployed) continue;
    return fail(
      `hosting looks for ${functionId} in ${region}, it is in ${deployed ?? 'no region'}`,
      'name the region of RTDB_REGION in the rewrite in firebase.json',
    );
  }
  const names = rewrites.map(({ functionId }) => functionId).join(', ');
  return ok(names === '' ? 'hosting leads to no function' : `hosting finds ${names}`);
}

/** The region in a database's address. Source: Firebase documentation, "Project locations". */
export function regionOfUrl(url: string): string | null {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  if (host.endsWith('.firebaseio.com')) return 'us-central1';
  return /^[^.]+\.([a-z0-9-]+)\.firebasedatabase\.app$/.exec(host)?.[1] ?? null;
}

const check = (
  name: string,
  judge: (trigger: DeployedTrigger, doctor: Doctor) => Diagnosis | Promise<Diagnosis>,
): Check => ({
  name,
  needs: null,
  run: async (doctor) => {
    if (!('manifest' in doctor.deployment)) return doctor.deployment;
    const trigger = triggerOf(doctor.deployment);
    if (trigger !== null) return judge(trigger, doctor);
    return fail(`${TRIGGER} is not among the functions`, 'build functions/ and look at its index');
  },
});

export const DEPLOYMENT_CHECKS: readonly Check[] = [
  check('trigger retry', retryCheck),
  check('trigger instance', (trigger, { deployment }) =>
    instanceCheck(trigger, 'project' in deployment ? deployment.project : ''),
  ),
  check('trigger region', async (trigger, { isEmulator, env, rtdb }) => {
    if (isEmulator) return skipped('the emulator has no region');
    const named = read(env, 'RTDB_URL');
    if (named) return regionCheck(trigger, regionOfUrl(named.origin) ?? 'an unknown region');
    if ('problem' in rtdb) return skipped(rtdb.problem);
    // RTDB answers only at the address of its region, and this one is made of RTDB_REGION.
    await readRtdb(rtdb, ONE_COUPLE);
    return regionCheck(trigger, regionOfUrl(rtdb.database.origin) ?? 'an unknown region');
  }),
  {
    name: 'hosting region',
    needs: null,
    run: async ({ deployment }) =>
      'manifest' in deployment ? rewriteCheck(deployment) : deployment,
  },
];
