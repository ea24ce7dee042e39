import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The variables by which firebase-tools finds the APIs that a deploy asks before its hooks. */
const ORIGINS = [
  ...['FIREBASE_TOKEN_URL', 'FIREBASE_GOOGLE_URL', 'FIREBASE_RESOURCEMANAGER_URL'],
  ...['FIREBASE_IAM_URL', 'FIREBASE_API_URL', 'FIREBASE_SERVICE_USAGE_URL'],
  ...['FIREBASE_HOSTING_API_URL', 'FIREBASE_RTDB_MANAGEMENT_URL', 'FIREBASE_FUNCTIONS_URL'],
  ...['FIREBASE_FUNCTIONS_V2_URL', 'FIREBASE_CLOUDBILLING_URL', 'FIREBASE_RUNTIMECONFIG_URL'],
  ...['CLOUD_SECRET_MANAGER_URL', 'ARTIFACT_REGISTRY_DOMAIN', 'CLOUD_RUN_API_URL'],
];

/** Google, as far as the CLI asks it before it deploys: a login that may do everything in one project. */
export interface GoogleStub {
  /** For a process of firebase-tools. */
  readonly env: Record<string, string>;
  /** `GET /v1beta1/projects/…`, in order. */
  readonly requests: string[];
  stop(): Promise<void>;
}

export async function startGoogleStub(project: string): Promise<GoogleStub> {
  const requests: string[] = [];
  const known = {
    ...{ name: `projects/${project}`, projectId: project, projectNumber: '1', state: 'ENABLED' },
    resources: { realtimeDatabaseInstance: `${project}-default-rtdb`, hostingSite: project },
  };
  const server = createServer(async (request, response) => {
    const { method = '', url = '' } = request;
    requests.push(`${method} ${url}`);
    let body = '';
    for await (const chunk of request) body += String(chunk);
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(answerTo(url, body) ?? known));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    env: {
      FIREBASE_TOKEN: 'a refresh token',
      ...Object.fromEntries(ORIGINS.map((name) => [name, origin])),
    },
    requests,
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function answerTo(url: string, body: string): object | null {
  if (url.includes('/token')) {
    const scope = 'https://www.googleapis.com/auth/cloud-platform';
    return { access_token: 'a token', expires_in: 3_600, token_type: 'Bearer', scope };
  }
  if (!url.includes(':testIamPermissions')) return null;
  return { permissions: JSON.parse(body).permissions };
}
