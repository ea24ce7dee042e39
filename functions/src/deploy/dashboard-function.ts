import { onRequest } from 'firebase-functions/v2/https';
import { hideBodies } from '../runtime/request-body';
import { DATABASE_URL, RTDB_REGION } from './settings';

hideBodies('mirrorDashboard');

/** Loaded at the first request, and once: discovery needs no Postgres client. */
let instance: typeof import('./dashboard-instance') | undefined;

/** What the mirror knows, for people. Google's IAM lets them in (roles/run.invoker), nobody else. */
export const mirrorDashboard = onRequest(
  {
    region: RTDB_REGION,
    secrets: [DATABASE_URL],
    invoker: 'private',
    concurrency: 20,
    maxInstances: 2,
    memory: '256MiB',
    timeoutSeconds: 60,
  },
  (request, response) => {
    instance ??= require('./dashboard-instance') as typeof import('./dashboard-instance');
    return instance.answer(request, response);
  },
);
