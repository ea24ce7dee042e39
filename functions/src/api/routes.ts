import { createRoute, type OpenAPIHono, z } from '@hono/zod-openapi';
import { problemSchema } from './problem';
import { claimBodySchema, completionsQuerySchema } from './requests';

/** What each endpoint takes and answers: requests are parsed by it, and the OpenAPI document is made of it. */

const PROBLEMS = {
  400: 'A field is wrong; `errors` names it',
  401: 'No token, or one that is not accepted',
  403: "The token's subject is not user_id, or no user's id",
  405: 'Another method is expected: see Allow',
  408: 'The body took over five seconds',
  413: 'More than 16 KiB',
  415: 'Not JSON, or compressed',
  429: 'More than 100 claims of this user today (UTC): see Retry-After',
  503: 'Postgres or RTDB does not answer: see Retry-After',
} as const;

function problems(...statuses: (keyof typeof PROBLEMS)[]) {
  const content = { 'application/problem+json': { schema: problemSchema } };
  return Object.fromEntries(
    statuses.map((status) => [status, { description: PROBLEMS[status], content }]),
  );
}

function answer<Schema extends z.ZodType>(description: string, schema: Schema) {
  return { description, content: { 'application/json': { schema } } };
}

const SECURITY = [{ bearer: [] }];

export const CLAIM = createRoute({
  method: 'post',
  path: '/sync/daily-quests/completion',
  operationId: 'claimCompletion',
  summary: 'Claims a completion that the phone has written to RTDB as well',
  security: SECURITY,
  request: {
    body: { required: true, content: { 'application/json': { schema: claimBodySchema } } },
  },
  responses: {
    200: answer(
      'The claim is taken',
      z.object({
        status: z
          .enum(['applied', 'duplicate', 'erased'])
          .describe(
            'applied: a row was made; duplicate: there was one already; erased: one of the two asked to be forgotten',
          ),
      }),
    ),
    ...problems(400, 401, 403, 405, 408, 413, 415, 429, 503),
  },
});

const completionSchema = z.object({
  quest_id: z.string(),
  user_id: z.string(),
  payload: z.unknown().describe("RTDB's value"),
  completed_at: z.iso.datetime(),
});

export const READ = createRoute({
  method: 'get',
  path: '/sync/daily-quests/completions',
  operationId: 'readCompletions',
  summary: "A couple's completions of a day, compared with RTDB",
  security: SECURITY,
  request: { query: completionsQuerySchema },
  responses: {
    200: answer(
      'What Postgres has',
      z.object({
        completions: z.array(completionSchema).describe('The first 200'),
        consistent: z
          .boolean()
          .describe(
            'Whether RTDB shows the same at this moment; false also for a day of over 200 rows or 128 KB',
          ),
      }),
    ),
    ...problems(400, 401, 403, 405, 408, 413, 415, 503),
  },
});

export const HEALTH = createRoute({
  method: 'get',
  path: '/healthz',
  operationId: 'health',
  summary: 'Whether Postgres answers within a second',
  security: [],
  responses: {
    200: answer('It does', z.object({ status: z.literal('ok') })),
    ...problems(405, 503),
  },
});

/** The OpenAPI 3.1 document of an app's routes. */
export function describe(
  app: Pick<OpenAPIHono, 'getOpenAPI31Document' | 'openAPIRegistry'>,
): object {
  app.openAPIRegistry.registerComponent('securitySchemes', 'bearer', {
    type: 'http',
    scheme: 'bearer',
    bearerFormat: 'JWT',
    description: 'A Firebase ID token, or a Supabase JWT where its issuer is configured',
  });
  return app.getOpenAPI31Document({
    openapi: '3.1.0',
    info: {
      title: 'quest-mirror',
      version: '1',
      description: "Old phones' second write of a quest completion, and the validation read.",
      license: { name: 'MIT' },
    },
    servers: [{ url: '/api' }],
  });
}
