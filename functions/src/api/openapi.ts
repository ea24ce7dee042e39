import { z } from 'zod';
import { problemSchema } from './problem';
import { claimBodySchema, completionsQuerySchema } from './requests';

const claimAnswerSchema = z.object({
  status: z
    .enum(['applied', 'duplicate', 'erased'])
    .describe(
      'applied: a row was made; duplicate: there was one already; erased: one of the two asked to be forgotten',
    ),
});

const completionSchema = z.object({
  quest_id: z.string(),
  user_id: z.string(),
  payload: z.unknown().describe("RTDB's value"),
  completed_at: z.iso.datetime(),
});

const readAnswerSchema = z.object({
  completions: z.array(completionSchema).describe('The first 200'),
  consistent: z
    .boolean()
    .describe(
      'Whether RTDB shows the same at this moment; false also for a day of over 200 rows or 128 KB',
    ),
});

const healthSchema = z.object({ status: z.literal('ok') });

type Described = Record<string, unknown>;

/** The API as an OpenAPI 3.1 document, from the schemas that its requests are parsed by. */
export function openApiDocument(): Described {
  return {
    openapi: '3.1.0',
    info: {
      title: 'quest-mirror',
      version: '1',
      description: "Old phones' second write of a quest completion, and the validation read.",
      license: { name: 'MIT', identifier: 'MIT' },
    },
    servers: [{ url: '/api' }],
    security: [{ bearer: [] }],
    paths: {
      '/sync/daily-quests/completion': {
        post: {
          operationId: 'claimCompletion',
          summary: 'Claims a completion that the phone has written to RTDB as well',
          requestBody: { required: true, content: json(claimBodySchema) },
          responses: {
            200: answer('The claim is taken', claimAnswerSchema),
            ...problems(400, 401, 403, 405, 408, 413, 415, 429, 503),
          },
        },
      },
      '/sync/daily-quests/completions': {
        get: {
          operationId: 'readCompletions',
          summary: "A couple's completions of a day, compared with RTDB",
          parameters: parametersOf(completionsQuerySchema),
          responses: {
            200: answer('What Postgres has', readAnswerSchema),
            ...problems(400, 401, 403, 405, 408, 413, 415, 503),
          },
        },
      },
      '/healthz': {
        get: {
          operationId: 'health',
          summary: 'Whether Postgres answers within a second',
          security: [],
          responses: { 200: answer('It does', healthSchema), ...problems(503) },
        },
      },
    },
    components: {
      securitySchemes: {
        bearer: {
          type: 'http',
          scheme: 'bearer',
          bearerFormat: 'JWT',
          description: 'A Firebase ID token, or a Supabase JWT where its issuer is configured',
        },
      },
      schemas: { Problem: schemaOf(problemSchema) },
    },
  };
}

const REASONS: Record<number, string> = {
  400: 'A field is wrong; `errors` names it',
  401: 'No token, or one that is not accepted',
  403: "The token's subject is not user_id, or no user's id",
  405: 'Another method is expected: see Allow',
  408: 'The body took over five seconds',
  413: 'More than 16 KiB',
  415: 'Not JSON, or compressed',
  429: 'More than 100 claims of this user today (UTC): see Retry-After',
  503: 'Postgres or RTDB does not answer: see Retry-After',
};

function problems(...statuses: number[]): Described {
  const schema = { $ref: '#/components/schemas/Problem' };
  const content = { 'application/problem+json': { schema } };
  return Object.fromEntries(
    statuses.map((status) => [status, { description: REASONS[status], content }]),
  );
}

function answer(description: string, schema: z.ZodType): Described {
  return { description, content: json(schema) };
}

function json(schema: z.ZodType): Described {
  return { 'application/json': { schema: schemaOf(schema) } };
}

function parametersOf({ shape }: typeof completionsQuerySchema): Described[] {
  return Object.entries(shape).map(([name, schema]) => ({
    ...{ name, in: 'query', required: true },
    schema: schemaOf(schema),
  }));
}

function schemaOf(schema: z.ZodType): Described {
  // OpenAPI 3.1 speaks this very dialect; the document need not say so each time.
  const { $schema: _, ...described } = z.toJSONSchema(schema, { io: 'input' });
  return described;
}
