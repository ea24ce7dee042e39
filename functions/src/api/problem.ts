import { z } from '@hono/zod-openapi';
import { HTTPException } from 'hono/http-exception';
import type { ZodError } from 'zod';

/** One field of a request that is wrong, and what was expected of it. */
const fieldErrorSchema = z.object({ field: z.string(), message: z.string() });

/** What every error answers, as `application/problem+json`. Source: RFC 9457. */
export const problemSchema = z
  .object({
    type: z.literal('about:blank'),
    title: z.string(),
    status: z.int(),
    detail: z.string().optional(),
    errors: z.array(fieldErrorSchema).optional(),
  })
  .openapi('Problem');

export type FieldError = z.infer<typeof fieldErrorSchema>;

const TITLES = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  405: 'Method Not Allowed',
  408: 'Request Timeout',
  413: 'Content Too Large',
  415: 'Unsupported Media Type',
  429: 'Too Many Requests',
  503: 'Service Unavailable',
} as const;

export type ProblemStatus = keyof typeof TITLES;

interface ProblemExtras {
  detail?: string;
  errors?: FieldError[];
  headers?: Record<string, string>;
}

/** The answer for an error; its text never repeats what the request said. */
export function problem(status: ProblemStatus, extras: ProblemExtras = {}): Response {
  const { detail, errors, headers } = extras;
  const body = { type: 'about:blank', title: TITLES[status], status, detail, errors };
  return new Response(JSON.stringify(body), {
    status,
    headers: { 'content-type': 'application/problem+json', ...headers },
  });
}

/** Ends a request with a problem, from wherever it is found. */
export function refuse(status: ProblemStatus, extras: ProblemExtras = {}): never {
  throw new HTTPException(status, { res: problem(status, extras) });
}

/** For what may work in a moment. */
export function unavailable(retryAfterSeconds = 30): Response {
  return problem(503, { headers: { 'retry-after': String(retryAfterSeconds) } });
}

/** For a user who has no claims left today: migrations/20261128000002_quest_completions.sql. */
export function tooManyClaims(now: Date): Response {
  const tomorrow = Date.UTC(now.getUTCFullYear(), now.getUTCMonth(), now.getUTCDate() + 1);
  const seconds = Math.ceil((tomorrow - now.getTime()) / 1000) + 1;
  return problem(429, {
    detail: 'expected at most 100 claims a user a day (UTC)',
    headers: { 'retry-after': String(seconds) },
  });
}

/** What zod complains of, field by field; `root` names the whole. */
export function fieldErrorsOf(error: ZodError, root: string): FieldError[] {
  return error.issues.map(({ path, message }) => ({
    field: path.length === 0 ? root : path.join('.'),
    message,
  }));
}
