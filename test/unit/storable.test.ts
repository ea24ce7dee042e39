import {
  asEvidence,
  escapeText,
  findUnstorable,
  isStorable,
} from '../../functions/src/values/storable';

test.each([
  ['plain', true],
  ['emoji 😀', true],
  ['nul \u0000', false],
  ['high \ud83d', false],
  ['low \ude00', false],
  ['swapped \ude00\ud83d', false],
])('isStorable(%j) is %s', (text, expected) => {
  expect(isStorable(text)).toBe(expected);
});

test('escaped text shows what was there, and can be stored', () => {
  const escaped = escapeText('a\u0000b\ud83dc😀\ude00');
  expect(escaped).toBe('a\\u0000b\\ud83dc😀\\ude00');
  expect(isStorable(escaped)).toBe(true);
});

test('evidence is escaped at every depth, keys too', () => {
  expect(asEvidence({ 'k\u0000': ['\ud83d', { deep: 'x\u0000' }] })).toEqual({
    'k\\u0000': ['\\ud83d', { deep: 'x\\u0000' }],
  });
});

test('large evidence is cut to a head with its size and digest', () => {
  const evidence = asEvidence(`${'x'.repeat(20_000)}`);
  expect(evidence).toMatchObject({
    truncated: true,
    bytes: 20_002,
    sha256: expect.stringMatching(/^[0-9a-f]{64}$/),
  });
  expect(JSON.stringify(evidence).length).toBeLessThan(2_000);
});

test('a head cut through a surrogate pair can still be stored', () => {
  const evidence = asEvidence(`${'x'.repeat(1022)}${'😀'.repeat(8_000)}`);
  expect(isStorable(JSON.parse(JSON.stringify(evidence)).head)).toBe(true);
});

test.each([null, true, 5, '', ['a', null, 1], { a: { b: false } }])(
  '%j can be stored, and is its own evidence',
  (value) => {
    expect(findUnstorable(value, 'value')).toBeNull();
    expect(asEvidence(value)).toEqual(value);
  },
);

test('evidence of 8,192 characters is kept whole, and more is cut', () => {
  const longest = 'x'.repeat(8_190);
  expect(asEvidence(longest)).toBe(longest);
  expect(asEvidence(`${longest}x`)).toMatchObject({ truncated: true, bytes: 8_193 });
});
