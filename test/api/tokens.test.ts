import {
  createTokenVerifier,
  KeysBusyError,
  TokenError,
} from '../../functions/src/api/token-verifier';
import { PROJECT, startTokenMint, type TokenChange, type TokenMint } from '../support/tokens';

let mint: TokenMint;

beforeAll(async () => {
  mint = await startTokenMint();
});

afterAll(() => mint.stop());

const verifier = (change: { acceptsUnsigned?: boolean; supabaseIssuer?: null } = {}) =>
  createTokenVerifier({
    projectId: PROJECT,
    firebaseKeysUrl: mint.keysUrl,
    supabaseIssuer: mint.supabaseIssuer,
    acceptsUnsigned: false,
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
