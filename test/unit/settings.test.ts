import { apiSettings, proofTimes, readSettings } from '../../functions/src/deploy/settings';

test('a parameter that is not set, or set to nothing, has its default', () => {
  const defaults = {
    mirroringEnabled: false,
    databaseAuthority: undefined,
    connectionsMax: 1,
    retentionDays: 0,
    ...{ showsRefs: false, appliedSample: 0.01 },
  };
  expect(readSettings({})).toEqual(defaults);
  expect(readSettings({ ENABLE_SUPABASE_DUAL_WRITE: '', DATABASE_POOL_MAX: '' })).toEqual(defaults);
});

test('mirroring is on without anybody turning it on in the emulators alone', () => {
  expect(readSettings({ FUNCTIONS_EMULATOR: 'true' }).mirroringEnabled).toBe(true);
  expect(readSettings({ K_SERVICE: 'mirrorquestcompletion' }).mirroringEnabled).toBe(false);
});

test('parameters are read', () => {
  const env = { ENABLE_SUPABASE_DUAL_WRITE: 'True', DATABASE_POOL_MAX: '3', RETENTION_DAYS: '30' };
  expect(readSettings(env)).toMatchObject({
    mirroringEnabled: true,
    connectionsMax: 3,
    retentionDays: 30,
  });
});

test.each([
  ['ENABLE_SUPABASE_DUAL_WRITE', 'maybe', 'expected true or false'],
  ['DATABASE_POOL_MAX', '0', 'DATABASE_POOL_MAX'],
  ['DATABASE_POOL_MAX', 'many', 'expected a whole number from 1 to 100'],
  ['RETENTION_DAYS', '1.5', 'RETENTION_DAYS'],
  ['LOG_REFS', 'some', 'expected true or false'],
  ['LOG_APPLIED_SAMPLE', '2', 'LOG_APPLIED_SAMPLE'],
  ['LOG_APPLIED_SAMPLE', 'few', 'expected a number from 0 to 1'],
])('%s=%s is refused by name', (name, value, message) => {
  expect(() => readSettings({ [name]: value })).toThrow(message);
});

test('the times of readings go by the parameters, and untouched shards by their number', () => {
  expect(proofTimes({})).toMatchObject({ reconcileDays: 7, graceMs: 30_000, everyMs: null });
  const env = { RECONCILE_HOURS: '2', RECONCILE_FULL_DAYS: '3', RECONCILE_GRACE_SECONDS: '5' };
  expect(proofTimes(env)).toMatchObject({
    graceMs: 5_000,
    everyMs: 7_200_000,
    fullEveryMs: { dated: 259_200_000, undated: 259_200_000 },
  });
});

test.each([
  ['RECONCILE_DAYS', '0'],
  ['RECONCILE_HOURS', 'often'],
  ['RECONCILE_FULL_DAYS', '-1'],
  ['RECONCILE_GRACE_SECONDS', 'soon'],
])('%s=%s is refused by name where readings are set up', (name, value) => {
  expect(() => proofTimes({ [name]: value })).toThrow(name);
});

test('tokens that nobody signed are accepted in the emulator alone', () => {
  const accepts = (env: Record<string, string>) =>
    apiSettings({ GCLOUD_PROJECT: 'demo-quests', ...env }).acceptsUnsigned;
  const both = { FUNCTIONS_EMULATOR: 'true', FIREBASE_AUTH_EMULATOR_HOST: '127.0.0.1:9099' };
  expect(accepts(both)).toBe(true);
  // As firebase-tools sets them for a function in the emulator.
  expect(accepts({ ...both, K_SERVICE: 'us-central1-api', K_REVISION: '1' })).toBe(true);
  expect(accepts({ FIREBASE_AUTH_EMULATOR_HOST: '127.0.0.1:9099' })).toBe(false);
  expect(accepts({ ...both, K_SERVICE: 'api' })).toBe(false);
  expect(accepts({ ...both, K_SERVICE: 'api', K_REVISION: 'api-00001-abc' })).toBe(false);
});

describe("Supabase's shared secret", () => {
  const secretOf = (env: Record<string, string>) =>
    apiSettings({ GCLOUD_PROJECT: 'demo-quests', ...env }).supabaseSecret;
  const SUPABASE_JWT_SECRET = 'a-secret-of-more-than-thirty-two-bytes';
  const SUPABASE_JWT_ISSUER = 'https://abc.supabase.co/auth/v1';
  const SUPABASE_JWT_BY_SECRET = 'true';

  test('counts where it is asked for, for its issuer', () => {
    const all = { SUPABASE_JWT_SECRET, SUPABASE_JWT_ISSUER, SUPABASE_JWT_BY_SECRET };
    expect(secretOf(all)).toBe(SUPABASE_JWT_SECRET);
    expect(secretOf({ SUPABASE_JWT_SECRET, SUPABASE_JWT_ISSUER })).toBeNull();
  });

  test.each([
    ['SUPABASE_JWT_SECRET', { SUPABASE_JWT_ISSUER }],
    ['SUPABASE_JWT_SECRET', { SUPABASE_JWT_ISSUER, SUPABASE_JWT_SECRET: 'short' }],
    ['SUPABASE_JWT_ISSUER', { SUPABASE_JWT_SECRET }],
  ])('without what it needs it is refused by name, and not repeated: %s %j', (name, env) => {
    const read = () => secretOf({ ...env, SUPABASE_JWT_BY_SECRET } as Record<string, string>);
    expect(read).toThrow(name);
    expect(read).not.toThrow(SUPABASE_JWT_SECRET);
  });
});
