import { z } from 'zod';
import { googleToken } from '../../deploy/google-token';
import { errorText } from '../../values/error-text';
import { printable } from '../printable';
import { type Check, type Diagnosis, fail, ok, skipped, warn } from './check';
import { type Deployment, idOf } from './deployment';
import { triggersOf } from './deployment-checks';
import { boundSecret } from './secret-check';

/** firebase-tools reads the same variable, so one stands for both. */
const BASE_URL = 'FIREBASE_FUNCTIONS_V2_URL';
const CLOUD_FUNCTIONS = 'https://cloudfunctions.googleapis.com';
const TIMEOUT_MS = 10_000;
const MOST_PAGES = 50;
const SECRET = 'QUEST_MIRROR_DATABASE_URL';

/**
 * Source: Cloud Functions API v2, `projects.locations.functions` (`list`, and the resource).
 */
const functionSchema = z.looseObject({
  /** `projects/…/locations/us-central1/functions/mirrorApi` */
  name: z.string(),
  state: z.string().default('STATE_UNSPECIFIED'),
  labels: z.record(z.string(), z.string()).default({}),
  eventTrigger: z
    .looseObject({
      retryPolicy: z.string().optional(),
      eventFilters: z
        .array(z.looseObject({ attribute: z.string(), value: z.string() }))
        .default([]),
    })
    .optional(),
  serviceConfig: z
    .looseObject({
      secretEnvironmentVariables: z
        .array(z.looseObject({ key: z.string(), secret: z.string() }))
        .default([]),
    })
    .optional(),
});

const listSchema = z.looseObject({
  functions: z.array(functionSchema).default([]),
  nextPageToken: z.string().optional(),
});

/** A function of a project, as Google has it. */
export type DeployedFunction = z.infer<typeof functionSchema>;

/** What is deployed, against what would be. Pure. */
export function deployedCheck(
  deployment: Deployment,
  found: readonly DeployedFunction[],
): Diagnosis {
  const { codebase, manifest } = deployment;
  const ids = Object.keys(manifest.endpoints).map((name) => idOf(deployment, name));
  const byId = new Map(found.map((one) => [idOfName(one), one]));
  const missing = ids.filter((id) => !byId.has(id));
  const deploy = 'npx firebase deploy --only functions';
  if (missing.length === ids.length)
    return fail(`none of ${ids.length} functions is there`, deploy);
  const complaints = [
    ...missing.map((id) => `${id} is not there`),
    ...ids.flatMap((id) => ownersComplaint(id, byId.get(id), codebase.codebase)),
    ...triggersOf(deployment).flatMap(({ name, ref, instance }) =>
      triggerComplaint(idOf(deployment, name), byId.get(idOf(deployment, name)), { ref, instance }),
    ),
    ...secretComplaint(deployment, [...byId.values()]),
  ];
  if (complaints.length > 0) return fail(printable(complaints.join('; ')), deploy);
  const stale = [...byId.values()]
    .filter((one) => codebaseOf(one) === codebase.codebase && !ids.includes(idOfName(one)))
    .map(idOfName);
  if (stale.length === 0) return ok(`all ${ids.length} are there, as they would be deployed`);
  return warn(
    printable(`nobody declares ${stale.join(', ')} any more, and it still runs`),
    `${deploy} offers to delete it`,
  );
}

function ownersComplaint(
  id: string,
  found: DeployedFunction | undefined,
  codebase: string,
): string[] {
  if (found === undefined) return [];
  const owner = codebaseOf(found);
  if (owner !== codebase)
    return [`${id} is of another codebase (${owner}), and a deploy would replace it`];
  return found.state === 'ACTIVE' ? [] : [`${id} is ${found.state}`];
}

function triggerComplaint(
  id: string,
  found: DeployedFunction | undefined,
  planned: { ref: string | undefined; instance: string | undefined },
): string[] {
  if (found === undefined) return [];
  const { eventFilters = [], retryPolicy } = found.eventTrigger ?? {};
  const filterOf = (name: string) =>
    eventFilters.find(({ attribute }) => attribute === name)?.value;
  return [
    ...(['ref', 'instance'] as const).flatMap((name) =>
      planned[name] === undefined || filterOf(name) === planned[name]
        ? []
        : [`${id} listens to ${name} ${filterOf(name) ?? 'none'}, not to ${planned[name]}`],
    ),
    ...(retryPolicy === 'RETRY_POLICY_RETRY' ? [] : [`${id} doesn't retry failed events`]),
  ];
}

/** Functions keep the secret that they were deployed with. */
function secretComplaint(deployment: Deployment, found: readonly DeployedFunction[]): string[] {
  const bound = boundSecret(deployment);
  const other = found
    .filter((one) => codebaseOf(one) === deployment.codebase.codebase)
    .flatMap(({ serviceConfig }) => serviceConfig?.secretEnvironmentVariables ?? [])
    .find(({ key, secret }) => key === SECRET && bound !== null && secret !== bound);
  return other === undefined ? [] : [`they read the secret ${other.secret}, not ${bound}`];
}

const idOfName = ({ name }: DeployedFunction) => name.slice(name.lastIndexOf('/') + 1);
const codebaseOf = ({ labels }: DeployedFunction) =>
  labels['firebase-functions-codebase'] ?? 'default';

class NotListedError extends Error {}

/** @throws NotListedError with why */
async function listFunctions(project: string, baseUrl: string): Promise<DeployedFunction[]> {
  const token = await googleToken()().catch(() => {
    throw new NotListedError('no Application Default Credentials');
  });
  const found: DeployedFunction[] = [];
  let page = '';
  for (let n = 0; n < MOST_PAGES; n += 1) {
    const url = `${baseUrl}/v2/projects/${project}/locations/-/functions?pageSize=100&pageToken=${page}`;
    const response = await fetch(url, {
      headers: { authorization: `Bearer ${token}` },
      signal: AbortSignal.timeout(TIMEOUT_MS),
    }).catch(() => {
      throw new NotListedError('no answer from Cloud Functions');
    });
    const body = await response.text();
    if (!response.ok) {
      const said = errorText(body, token);
      throw new NotListedError(
        `Cloud Functions answered ${response.status}${said === null ? '' : `: ${said}`}`,
      );
    }
    const list = listSchema.safeParse(parseJson(body));
    if (!list.success) throw new NotListedError('Cloud Functions answered no list');
    found.push(...list.data.functions);
    if (!list.data.nextPageToken) return found;
    page = encodeURIComponent(list.data.nextPageToken);
  }
  throw new NotListedError(`there are more than ${MOST_PAGES * 100}`);
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export const DEPLOYED_CHECK: Check = {
  name: 'triggers deployed',
  needs: null,
  async run({ deployment, isEmulator, env }) {
    if (!('manifest' in deployment)) return deployment;
    const baseUrl = env[BASE_URL];
    if (isEmulator && !baseUrl) return skipped('nothing is deployed to an emulator');
    try {
      const found = await listFunctions(deployment.project, baseUrl || CLOUD_FUNCTIONS);
      return deployedCheck(deployment, found);
    } catch (error) {
      if (!(error instanceof NotListedError)) throw error;
      return skipped(`what is deployed can't be asked: ${error.message}`);
    }
  },
};
