import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { type ApiContext, createApi } from '../../functions/src/api/app';

/** Nothing of it is used: neither store, no token. */
const app = createApi({} as ApiContext);
const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const;

interface Described {
  operationId?: string;
  security?: object[];
  responses: Record<string, { content: Record<string, { schema: object }> }>;
  requestBody?: { required?: boolean; content: Record<string, { schema: object }> };
  parameters?: { name: string; in: string; required?: boolean; schema: object }[];
}

const served = async () => {
  const response = await app.request('/api/openapi.json');
  return (await response.json()) as {
    openapi: string;
    paths: Record<string, Record<string, Described>>;
    components: { schemas: Record<string, { required?: string[] }>; securitySchemes: object };
  };
};

test('the served document says what each endpoint takes and answers', async () => {
  const { openapi, paths, components } = await served();
  expect(openapi).toBe('3.1.0');
  expect(Object.keys(components.securitySchemes)).toEqual(['bearer']);
  expect(components.schemas.Problem?.required).toEqual(['type', 'title', 'status']);
  const post = paths['/sync/daily-quests/completion']?.post;
  expect(Object.keys(post?.responses ?? {})).toEqual([
    ...['200', '400', '401', '403', '405', '408', '413', '415', '429', '503'],
  ]);
  expect(post?.requestBody).toMatchObject({
    required: true,
    content: {
      'application/json': {
        schema: {
          required: ['quest_id', 'user_id', 'partner_id', 'timestamp'],
          properties: {
            quest_id: { type: 'string', minLength: 1 },
            partner_id: { type: 'string' },
          },
        },
      },
    },
  });
  expect(post?.responses['400']?.content).toEqual({
    'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } },
  });
  const get = paths['/sync/daily-quests/completions']?.get;
  expect(get?.parameters?.map(({ name, in: at, required }) => [name, at, required])).toEqual([
    ['partner_id', 'query', true],
    ['date', 'query', true],
  ]);
  expect(paths['/healthz']?.get?.security).toEqual([]);
});

test('the document has what the app serves, and nothing else', async () => {
  const { paths } = await served();
  const described = Object.entries(paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => `${method} ${path}`),
  );
  const answered: string[] = [];
  for (const path of new Set([...Object.keys(paths), ...app.routes.map((route) => route.path)])) {
    if (path.includes('*') || path.startsWith('/api')) continue;
    for (const method of METHODS) {
      const { status } = await app.request(`/api${path}`, { method: method.toUpperCase() });
      if (status !== 405 && status !== 404) answered.push(`${method} ${path}`);
    }
  }
  expect(answered.sort()).toEqual([...described, 'get /openapi.json'].sort());
});

test('the API function alone loads what makes the document', () => {
  const loaded = (target: string) =>
    execFileSync(
      process.execPath,
      [
        '-e',
        `require(${JSON.stringify(join(__dirname, '../../functions/lib/index.js'))});
         console.log(Object.keys(require.cache).filter((file) => /zod-openapi|zod-to-openapi|openapi3-ts/.test(file)).length)`,
      ],
      {
        encoding: 'utf8',
        env: { ...process.env, FUNCTION_TARGET: target, GCLOUD_PROJECT: 'demo-quests' },
      },
    ).trim();
  expect(Number(loaded('mirrorApi'))).toBeGreaterThan(0);
  for (const target of [
    'mirrorQuestCompletion',
    'mirrorReconcile',
    'mirrorCanary',
    'mirrorDashboard',
  ]) {
    expect(loaded(target)).toBe('0');
  }
});
