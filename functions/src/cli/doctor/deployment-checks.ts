import { read } from '../../deploy/settings';
import type { MirroredPath } from '../../paths/mirrored-path';
import { readRtdb } from '../../rtdb/rtdb-client';
import { type Check, type Diagnosis, type Doctor, fail, ok, skipped, warn } from './check';
import { type Deployment, idOf, resolve } from './deployment';
import { ONE_COUPLE } from './rtdb-checks';

const RTDB_EVENT = 'google.firebase.database.ref.v1.written';

/** A trigger as it would be deployed. */
export interface PlannedTrigger {
  /** Under which it is exported. */
  name: string;
  ref: string | undefined;
  region: string | undefined;
  instance: string | undefined;
  retry: boolean;
}

/** Reads the triggers on RTDB from a deployment's manifest. Pure. */
export function triggersOf(deployment: Deployment): PlannedTrigger[] {
  return Object.entries(deployment.manifest.endpoints).flatMap(([name, { eventTrigger }]) => {
    if (eventTrigger?.eventType !== RTDB_EVENT) return [];
    const { eventFilters, eventFilterPathPatterns: patterns, retry } = eventTrigger;
    return {
      name,
      ref: patterns?.ref ?? eventFilters?.ref,
      region: regionOf(name, deployment),
      instance: resolve(patterns?.instance ?? eventFilters?.instance, deployment),
      retry: retry === true,
    };
  });
}

function regionOf(name: string, deployment: Deployment): string | undefined {
  const region = deployment.manifest.endpoints[name]?.region;
  return resolve(Array.isArray(region) ? region.join(', ') : region, deployment);
}

/** Each path needs its trigger among what is exported, and no other listens. Pure. */
export function exportedCheck(
  declared: readonly Pick<MirroredPath, 'name' | 'trigger' | 'ref'>[],
  triggers: readonly PlannedTrigger[],
): Diagnosis {
  const complaints = declared.flatMap(({ name, trigger, ref }) => {
    const found = triggers.find((one) => one.name === trigger);
    if (found === undefined) return [`${trigger} of ${name} is not exported`];
    return found.ref === ref ? [] : [`${trigger} listens to ${found.ref}, not to ${ref}`];
  });
  if (complaints.length > 0) {
    return fail(complaints.join('; '), 'export what createMirror gives, build, and deploy');
  }
  const names = new Set<string>(declared.map(({ trigger }) => trigger));
  const more = triggers.filter(({ name }) => !names.has(name)).map(({ name }) => name);
  if (more.length === 0) return ok(`a trigger for each of ${declared.length} paths`);
  return warn(`no declared path has ${more.join(', ')}`, 'are both made from one list of paths?');
}

const named = (triggers: readonly PlannedTrigger[]) => triggers.map(({ name }) => name).join(', ');

/** Events that fail are lost unless the platform delivers them again. Pure. */
export function retryCheck(triggers: readonly PlannedTrigger[]): Diagnosis {
  const bad = triggers.filter(({ retry }) => !retry);
  if (bad.length === 0) return ok('failed events are retried, for 24 hours');
  return fail(`failed events are lost: ${named(bad)}`, 'deploy the trigger with retry: true');
}

/** One database, by its name: a second one must not be mirrored by accident. Pure. */
export function instanceCheck(
  triggers: readonly PlannedTrigger[],
  { project, envFile }: Pick<Deployment, 'project' | 'envFile'>,
): Diagnosis {
  const wide = triggers.find(({ instance }) => instance === undefined || instance.includes('*'));
  const instances = [...new Set(triggers.map(({ instance }) => instance))];
  if (wide === undefined && instances.length === 1) return ok(`listen to ${instances[0]} only`);
  if (project.startsWith('demo-')) return skipped(`${project} is for emulators only`);
  const advice = `set RTDB_INSTANCE in ${envFile}`;
  if (wide === undefined) return fail(`listen to several: ${instances.join(', ')}`, advice);
  if (wide.instance === undefined) return fail('no instance is set', advice);
  return fail(`listen to all instances that match ${wide.instance}`, advice);
}

/** Events don't cross regions. Pure. */
export function regionCheck(
  triggers: readonly PlannedTrigger[],
  databaseRegion: string,
): Diagnosis {
  const other = triggers.find(({ region }) => region !== databaseRegion);
  if (other === undefined) return ok(`triggers and database are all in ${databaseRegion}`);
  return fail(
    `${other.name} is in ${other.region ?? 'no region'}, the database in ${databaseRegion}`,
    'set RTDB_REGION to the region of the database',
  );
}

/** Hosting finds a function of ours only where `firebase.json` says that it is. Others are not looked at. Pure. */
export function rewriteCheck(deployment: Deployment): Diagnosis {
  const { rewrites, manifest, codebase } = deployment;
  if (rewrites === null) return skipped('firebase.json could not be read');
  const names = new Map(
    Object.keys(manifest.endpoints).map((name) => [idOf(deployment, name), name]),
  );
  const found: string[] = [];
  for (const { functionId, region } of rewrites) {
    const name = names.get(functionId);
    if (name === undefined) {
      if (codebase.isOneOfSeveral) continue;
      return fail(
        `hosting leads to ${functionId}, which is not among the functions`,
        'correct the rewrite in firebase.json',
      );
    }
    found.push(functionId);
    const deployed = regionOf(name, deployment);
    // Without a region, firebase-tools looks for the function itself.
    if (region === undefined || region === deployed) continue;
    return fail(
      `hosting looks for ${functionId} in ${region}, it is in ${deployed ?? 'no region'}`,
      'name the region of RTDB_REGION in the rewrite in firebase.json',
    );
  }
  if (found.length > 0) return ok(`hosting finds ${found.join(', ')}`);
  return ok('hosting leads to no function of the mirror: phones need the URL of the API itself');
}

/** The region in a database's address. Source: Firebase documentation, "Project locations". */
export function regionOfUrl(url: string): string | null {
  const host = URL.canParse(url) ? new URL(url).hostname : '';
  if (host.endsWith('.firebaseio.com')) return 'us-central1';
  return /^[^.]+\.([a-z0-9-]+)\.firebasedatabase\.app$/.exec(host)?.[1] ?? null;
}

const check = (
  name: string,
  judge: (
    triggers: PlannedTrigger[],
    deployment: Deployment,
    doctor: Doctor,
  ) => Diagnosis | Promise<Diagnosis>,
): Check => ({
  name,
  needs: null,
  run: async (doctor) => {
    const { deployment } = doctor;
    if (!('manifest' in deployment)) return deployment;
    const triggers = triggersOf(deployment);
    if (triggers.length > 0) return judge(triggers, deployment, doctor);
    return fail('no trigger is exported', 'export what createMirror gives, build, and deploy');
  },
});

export const DEPLOYMENT_CHECKS: readonly Check[] = [
  check('triggers exported', (triggers, _deployment, { declared }) =>
    exportedCheck(declared().paths, triggers),
  ),
  check('trigger retry', (triggers) => retryCheck(triggers)),
  check('trigger instance', instanceCheck),
  check('trigger region', async (triggers, _deployment, { isEmulator, env, rtdb }) => {
    if (isEmulator) return skipped('the emulator has no region');
    const byUrl = read(env, 'RTDB_URL');
    if (byUrl) return regionCheck(triggers, regionOfUrl(byUrl.origin) ?? 'an unknown region');
    if ('problem' in rtdb) return skipped(rtdb.problem);
    // RTDB answers only at the address of its region, and this one is made of RTDB_REGION.
    await readRtdb(rtdb, ONE_COUPLE);
    return regionCheck(triggers, regionOfUrl(rtdb.database.origin) ?? 'an unknown region');
  }),
  {
    name: 'hosting region',
    needs: null,
    run: async ({ deployment }) =>
      'manifest' in deployment ? rewriteCheck(deployment) : deployment,
  },
];
