import {
  createTokenVerifier,
  KeysBusyError,
  TokenError,
  type TokenSettings,
} from '../../functions/src/api/token-verifier';
import { PROJECT, startTokenMint, type TokenChange, type TokenMint } from '../support/tokens';

let mint: TokenMint;

beforeAll(async () => {
  mint = await startTokenMint();
});

afterAll(() => mint.stop());

const verifier = (change: Partial<TokenSettings> = {}) =>
  createTokenVerifier({
    projectId: PROJECT,
    firebaseKeysUrl: mint.keysUrl,
    supabaseIssuer: mint.supabaseIssuer,
    ...{ tenant: null, supabaseSecret: null, acceptsUnsigned: false },
    ...change,
  });

test('tokens of Firebase and of Supabase tell their subject', async () => {
  const verify = verifier();
  expect(await verify(await mint.firebase('ann'))).toBe('ann');
  expect(await verify(await mint.supabase('7c9e6679-7425-40de'))).toBe('7c9e6679-7425-40de');
});

const now = Math.floor(Date.now() / 1000);

test.each<[string, TokenChange]>([
  ['expired', { claims: { exp: now - 60 } }],
  ['not yet valid', { claims: { nbf: now + 600 } }],
  ['issued in the future', { claims: { iat: now + 600 } }],
  ['of another audience', { claims: { aud: 'other-project' } }],
  ['of another issuer', { claims: { iss: 'https://securetoken.google.com/other' } }],
  ['without an issuer', { claims: { iss: undefined } }],
  ['without an end', { claims: { exp: undefined } }],
  ['without a subject', { claims: { sub: undefined } }],
  ['with an empty subject', { claims: { sub: '' } }],
  ['of a key that nobody knows', { kid: 'rsa-9' }],
  ['signed by somebody else', { forged: true }],
])('a token %s is refused', async (_case, change) => {
  await expect(verifier()(await mint.firebase('ann', change))).rejects.toThrow(TokenError);
});

test.each<[string, TokenChange]>([
  ['expired', { claims: { exp: now - 60 } }],
  ['of another audience', { claims: { aud: 'anon' } }],
  ['that names the other issuer', { claims: { iss: `https://securetoken.google.com/${PROJECT}` } }],
])("a token of Supabase's %s is refused", async (_case, change) => {
  await expect(verifier()(await mint.supabase('ann', change))).rejects.toThrow(TokenError);
});

test('where Supabase is not configured its tokens are of another issuer', async () => {
  const token = await mint.supabase('ann');
  await expect(verifier({ supabaseIssuer: null })(token)).rejects.toThrow(TokenError);
});

test('alg none, and HS256 with the public key as the secret, are refused', async () => {
  await expect(verifier()(mint.unsigned('ann'))).rejects.toThrow(TokenError);
  await expect(verifier()(await mint.withPublicKeyAsSecret('ann'))).rejects.toThrow(TokenError);
});

describe("Supabase's shared secret", () => {
  const SECRET = 'a-secret-of-more-than-thirty-two-bytes';
  const sharing = () => verifier({ supabaseSecret: SECRET });

  test('signs its tokens, beside the keys that it publishes', async () => {
    expect(await sharing()(await mint.shared('ann', SECRET))).toBe('ann');
    expect(await sharing()(await mint.supabase('ann'))).toBe('ann');
    expect(await sharing()(await mint.firebase('ann'))).toBe('ann');
  });

  test('a token signed by it is refused where it is not set, or without its issuer', async () => {
    const token = await mint.shared('ann', SECRET);
    await expect(verifier()(token)).rejects.toThrow(TokenError);
    const without = verifier({ supabaseSecret: SECRET, supabaseIssuer: null });
    await expect(without(token)).rejects.toThrow(TokenError);
  });

  test.each([
    ['of Firebase', { iss: `https://securetoken.google.com/${PROJECT}`, aud: PROJECT }],
    ['of another project', { iss: 'https://other.supabase.co/auth/v1' }],
    // The project's own API keys, anon and service_role: known to every phone, signed by the same secret.
    ['that is the anon key', { iss: 'supabase', role: 'anon', sub: undefined, aud: undefined }],
    ['for another audience', { aud: 'anon' }],
    ['that is over', { exp: now - 60 }],
    ['without an end', { exp: undefined }],
    ['without a subject', { sub: undefined }],
  ])('a token %s is refused though the secret signed it', async (_case, claims) => {
    await expect(sharing()(await mint.shared('ann', SECRET, claims))).rejects.toThrow(TokenError);
  });

  test.each(['', 'x'.repeat(32), `${SECRET} `, SECRET.toUpperCase()])(
    'a token signed by %j is refused',
    // An empty key can't sign: such a token has no signature.
    async (secret) => {
      const token = secret
        ? await mint.shared('ann', secret)
        : (await mint.shared('ann', SECRET)).replace(/[^.]*$/, '');
      await expect(sharing()(token)).rejects.toThrow(TokenError);
    },
  );

  test.each(['firebase', 'supabase'] as const)(
    'the public key of %s is no secret, with or without a secret that is set',
    async (of) => {
      const token = await mint.withPublicKeyAsSecret('ann', of);
      await expect(sharing()(token)).rejects.toThrow(TokenError);
      await expect(verifier()(token)).rejects.toThrow(TokenError);
    },
  );

  test.each(['none', 'HS384', 'HS512', 'RS256', 'ES256', 'hs256', ''])(
    'its signature does not pass under the name %j',
    async (alg) => {
      const [, payload, signature] = (await mint.shared('ann', SECRET)).split('.');
      for (const extra of [{}, { kid: 'ec-1' }, { kid: 'rsa-1' }]) {
        const header = Buffer.from(JSON.stringify({ alg, ...extra })).toString('base64url');
        for (const signed of [signature, '']) {
          await expect(sharing()(`${header}.${payload}.${signed}`)).rejects.toThrow(TokenError);
        }
      }
    },
  );
});

describe('a tenant of Firebase Auth', () => {
  const of = (tenant: unknown) =>
    mint.firebase('ann', { claims: { firebase: { sign_in_provider: 'phone', tenant } } });

  test('must be the one that is set', async () => {
    const verify = verifier({ tenant: 'players-x1' });
    expect(await verify(await of('players-x1'))).toBe('ann');
    for (const tenant of ['players-x2', 'PLAYERS-X1', '', null, 7, undefined, ['players-x1']]) {
      await expect(verify(await of(tenant))).rejects.toThrow(TokenError);
    }
    await expect(verify(await mint.firebase('ann'))).rejects.toThrow(TokenError);
  });

  test('is refused where none is set: users of two tenants may have one id', async () => {
    expect(await verifier()(await of(undefined))).toBe('ann');
    for (const tenant of ['players-x1', '', null]) {
      await expect(verifier()(await of(tenant))).rejects.toThrow(TokenError);
    }
  });

  test("says nothing of Supabase's tokens", async () => {
    expect(await verifier({ tenant: 'players-x1' })(await mint.supabase('ann'))).toBe('ann');
  });
});

test('an unsigned token is good enough for the auth emulator alone', async () => {
  const verify = verifier({ acceptsUnsigned: true });
  expect(await verify(mint.unsigned('ann'))).toBe('ann');
  // Even there nobody's forgery passes for a signed one.
  await expect(verify(await mint.firebase('ann', { forged: true }))).rejects.toThrow(TokenError);
});

test.each([['rubbish'], ['a.b'], ['a.b.c'], ['e30.e30.'], ['..'], ['e30.e30.e30.e30.e30']])(
  '%s is no token',
  async (text) => {
    await expect(verifier()(text)).rejects.toThrow(TokenError);
  },
);

test('a token that is cut off is refused', async () => {
  const token = await mint.firebase('ann');
  for (const length of [token.length - 1, token.length - 200, 20]) {
    await expect(verifier()(token.slice(0, length))).rejects.toThrow(TokenError);
  }
});

test.each(['hangs', 500, 'rubbish'] as const)(
  'keys that can not be had (%s) are not the fault of the token',
  async (fault) => {
    mint.fault = fault;
    try {
      const refused = verifier()(await mint.firebase('ann'));
      await expect(refused).rejects.toThrow();
      await expect(refused).rejects.not.toBeInstanceOf(TokenError);
    } finally {
      mint.fault = null;
    }
  },
);

describe('a key that the issuer has just begun to use', () => {
  const unknown = async (verify: ReturnType<typeof verifier>) =>
    verify(await mint.firebase('ann', { kid: `kid-${Math.random()}` })).catch((error) => error);

  test('is read at once, though the keys were read a moment ago', async () => {
    const verify = verifier();
    await verify(await mint.firebase('ann'));
    await mint.rotate('rsa-2');
    const tokens = Array.from({ length: 5 }, () => mint.firebase('bob', { kid: 'rsa-2' }));
    const subjects = (await Promise.all(tokens)).map((token) => verify(token));
    expect(await Promise.all(subjects)).toEqual(Array(5).fill('bob'));
  });

  test('keys that nobody has are asked for once: the next one is told to come again', async () => {
    const verify = verifier();
    await verify(await mint.firebase('ann'));
    const before = mint.keysRead;
    expect(await unknown(verify)).toBeInstanceOf(TokenError);
    for (let n = 0; n < 20; n += 1) expect(await unknown(verify)).toBeInstanceOf(KeysBusyError);
    expect(mint.keysRead - before).toBe(1);
    // Known keys go on.
    expect(await verify(await mint.firebase('ann'))).toBe('ann');
  });
});
