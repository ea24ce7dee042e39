import {
  backupTime,
  complaintAboutTime,
  parseBackupName,
} from '../../functions/src/backup/backup-name';

const TAKEN_AT = '2026-11-27T02:15:30.000000Z';
const instance = 'my-project-default-rtdb';

test.each([
  '2026-11-27T02:15:30Z_my-project-default-rtdb_data.json.gz',
  '/backups/2026-11-27T02:15:30Z_my-project-default-rtdb_data.json',
  '2026-11-27T02_15_30Z_my-project-default-rtdb_data.json.gz',
  '2026-11-27T02 15 30Z_my-project-default-rtdb_data.json.gz',
  '2026-11-27T02-15-30Z_my-project-default-rtdb_data.json.gz',
  '2026-11-27T02%3A15%3A30Z_my-project-default-rtdb_data.json.gz',
  '2026-11-27T02_15_30Z_my-project-default-rtdb_data (1).json',
  '2026-11-27T02_15_30Z_my-project-default-rtdb_data.json (2).gz',
  'recent_2026-11-27T02_15_30Z_my-project-default-rtdb_data.json.gz',
])('%s tells the time and the instance', (file) => {
  expect(parseBackupName(file)).toEqual({ takenAt: TAKEN_AT, instance });
});

test.each([
  'my-project-default-rtdb-export.json',
  '2026-11-27_my-project-default-rtdb_data.json.gz',
  '2026-02-30T02:15:30Z_my-project-default-rtdb_data.json.gz',
  '2026-11-27T02:15:30Z_my-project-default-rtdb_data.txt',
  '-',
])('%s tells nothing', (file) => {
  expect(parseBackupName(file)).toBeNull();
});

test('--as-of wins over the name, and is all that a pipe has', () => {
  const file = `2026-11-27T02:15:30Z_${instance}_data.json.gz`;
  expect(backupTime({ file, asOf: null, instance })).toBe(TAKEN_AT);
  expect(backupTime({ file: 'export.json', asOf: '2026-11-27T03:15:30+01:00', instance })).toBe(
    TAKEN_AT,
  );
  expect(backupTime({ file, asOf: '2026-11-26T00:00:00Z', instance })).toBe(
    '2026-11-26T00:00:00.000000Z',
  );
  expect(backupTime({ file: null, asOf: '2026-11-27T02:15:30Z', instance: null })).toBe(TAKEN_AT);
});

test.each([
  [null, null, 'a backup on stdin has no time'],
  [
    'export.json',
    null,
    'the name of the backup has no time; give it, such as --as-of 2026-11-27T02:15:30Z',
  ],
  ['export.json', '2026-11-27T02:15:30', '--as-of: expected an instant with its zone'],
  ['export.json', 'yesterday', '--as-of: expected an instant with its zone'],
  [
    '2026-11-27T02:15:30Z_other-rtdb_data.json.gz',
    null,
    'the backup is of another RTDB: of other-rtdb, and this database mirrors my-project-default-rtdb',
  ],
  [
    '2026-11-27T02:15:30Z_my-project-default-rtdb_rules.json.gz',
    null,
    'the backup is one of the rules: expected the file whose name has _data',
  ],
])('%s with --as-of %s is refused: %s', (file, asOf, complaint) => {
  expect(() => backupTime({ file, asOf, instance })).toThrow(complaint);
});

test.each([
  ['2026-11-27T02:15:30.000000Z', null],
  ['2026-11-28T12:04:00.000000Z', null],
  ['2026-11-28T12:06:00.000000Z', 'which is in the future'],
  ['2026-11-19T23:59:59.000000Z', 'before the path began to be mirrored'],
])('a backup of %s beside now and the beginning of a path: %s', (takenAt, complaint) => {
  const now = '2026-11-28T12:00:00.000000Z';
  const beganAt = '2026-11-20T00:00:00.000000Z';
  const found = complaintAboutTime({ takenAt, now, beganAt });
  if (complaint === null) expect(found).toBeNull();
  else expect(found).toContain(complaint);
});
