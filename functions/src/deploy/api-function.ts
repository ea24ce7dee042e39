import { onRequest } from 'firebase-functions/v2/https';
import { hideBodies } from '../runtime/request-body';
import { DATABASE_URL, RTDB_REGION } from './settings';

hideBodies('mirrorApi');

/** Loaded at the first request, and once: discovery needs no Postgres client. */
let instance: typeof import('./api-instance') | undefined;

/** Old phones' second write and the validation read; each request brings its own token. */
export const mirrorApi = onRequest(
  {
    region: RTDB_REGION,
    secrets: [DATABASE_URL],
    invoker: 'public',
    concurrency: 80,
    maxInstances: 10,
    memory: '256MiB',
    timeoutSeconds: 30,
  },
  (request, response) => {
    instance ??= require('./api-instance') as typeof import('./api-instance');
    return instance.answer(request, response);
  },
);
