import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ConfigurationError, ERROR_CODES } from '../../functions/src/errors/mirror-error';

test('every code of an error is documented, and none that is not there', () => {
  const page = readFileSync(join(__dirname, '..', '..', 'docs', 'errors.md'), 'utf8');
  const documented = [...page.matchAll(/^\| `([A-Z_]+)` +\|/gm)].map(([, code]) => code);
  expect(documented.toSorted()).toEqual(ERROR_CODES.toSorted());
});

test('the message says what is wrong, then what helps', () => {
  const error = new ConfigurationError('X is not set', { remedy: 'set X' });
  expect(error).toMatchObject({
    code: 'BAD_CONFIGURATION',
    message: 'X is not set; set X',
    problem: 'X is not set',
    remedy: 'set X',
  });
});

test('where nothing is known to help, the message is what is wrong', () => {
  expect(new ConfigurationError('X is odd')).toMatchObject({ message: 'X is odd', remedy: null });
});
