import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { readRtdb } from '../../functions/src/rtdb/rtdb-client';
import {
  databaseOfEvent,
  parseRtdbUrl,
  type RtdbDatabase,
  rtdbDatabase,
  tokenFor,
} from '../../functions/src/rtdb/rtdb-database';

/** Whatever is said of a database, the token goes to Google's hosts alone, and over TLS. */

const TOKEN = 'MARKER-ya29.token';
const at = (origin: string): RtdbDatabase => ({ origin, namespace: null, instance: 'mine' });

test.each([
  'https://mine.firebaseio.com',
  'https://my-project-default-rtdb.europe-west1.firebasedatabase.app',
  'https://MINE.firebaseio.com',
])('%s is shown the token', async (origin) => {
  expect(await tokenFor(at(origin), async () => TOKEN)).toBe(TOKEN);
});

const ELSEWHERE = [
  'http://mine.firebaseio.com',
  'https://mine.firebaseio.com:8443',
  'https://mine.firebaseio.com:443',
  'https://mine.firebaseio.com.',
  'https://mine.firebaseio.com/',
  'https://mine.firebaseio.com/x',
  'https://mine.firebaseio.com?ns=other',
  'https://mine.firebaseio.com#x',
  'https://mine.firebaseio.com\n',
  'https://mine.firebaseio.com\n.evil.example',
  'https://mine.firebaseio.com.evil.example',
  'https://mine.firebaseio.com@evil.example',
  'https://evil.example@mine.firebaseio.com',
  'https://user:password@mine.firebaseio.com',
  'https://evil.example/mine.firebaseio.com',
  'https://evil.example\\.firebaseio.com',
  'https://evil.example#.firebaseio.com',
  'https://evil.example?.firebaseio.com',
  'https://mine.firebaseio.com%2eevil.example',
  'https://mine.evilfirebaseio.com',
  'https://mine.evil-firebasedatabase.app',
  'https://mine.europe.west1.firebasedatabase.app',
  'https://firebaseio.com',
  'https://.firebaseio.com',
  'https://mine..firebaseio.com',
  'https://mine.FIREBASEIO.COM',
  'https://mine.firebaseio.co',
  'https://mіne.firebaseio.com',
  'https://mine.firebaseio。com',
  'https://127.0.0.1',
  'https://[::1]',
  'https://localhost',
  'HTTPS://mine.firebaseio.com',
  'ftp://mine.firebaseio.com',
  'https:mine.firebaseio.com',
  '',
];

test.each(ELSEWHERE)(
  '%j is not: nothing is sent there, and nobody is asked for one',
  async (origin) => {
    const accessToken = jest.fn(async () => TOKEN);
    expect(tokenFor(at(origin), accessToken)).toBeNull();
    const asked = readRtdb({ database: at(origin), accessToken }, { path: ['x'] });
    await expect(asked).rejects.toThrow("isn't an address of a database of Google's");
    expect(accessToken).not.toHaveBeenCalled();
  },
);

test('an emulator is shown `owner`, whatever it is called', async () => {
  const database = databaseOfEvent(
    { instance: 'mine', databaseHost: 'firebaseio.com' },
    'evil.example:9000',
  );
  const never = () => Promise.reject(new Error('asked'));
  expect(database && (await tokenFor(database, never))).toBe('owner');
});

describe('what an event says of its database', () => {
  test.each<[string | null, string | null]>([
    [null, 'firebaseio.com'],
    ['mine', null],
    ['', 'firebaseio.com'],
    ['mine', ''],
    ['mine', 'firebaseio.com.'],
    ['mine', 'firebaseio.com:8443'],
    ['mine', 'Firebaseio.com'],
    ['mine', 'evil.example'],
    ['mine', 'evil.example/.firebaseio.com'],
    ['mine', 'evil.example#.firebaseio.com'],
    ['mine', 'a.b.firebaseio.com'],
    ['mine', '.firebaseio.com'],
    ['mine.evil', 'firebaseio.com'],
    ['evil.example/', 'firebaseio.com'],
    ['evil.example@mine', 'firebaseio.com'],
    ['user:password@mine', 'firebaseio.com'],
    ['mine\n', 'firebaseio.com'],
  ])('%j at %j names none', (instance, databaseHost) => {
    expect(databaseOfEvent({ instance, databaseHost }, undefined)).toBeNull();
  });

  test.each([
    ['mine', 'firebaseio.com', 'https://mine.firebaseio.com'],
    [
      'mine',
      'asia-southeast1.firebasedatabase.app',
      'https://mine.asia-southeast1.firebasedatabase.app',
    ],
  ])('%j at %j names %j', (instance, databaseHost, origin) => {
    expect(databaseOfEvent({ instance, databaseHost }, undefined)?.origin).toBe(origin);
  });
});

test.each([
  'https://mine.firebaseio.com./',
  'https://user@mine.firebaseio.com',
  'https://mine.firebaseio.com:8443',
  'https://mine.firebaseio.com/?ns=other',
  'http://mine.firebaseio.com',
  'https://evil.example/.firebaseio.com',
])('RTDB_URL %j is refused', (url) => {
  expect(() => parseRtdbUrl(url)).toThrow('expected an address such as');
});

test('upper case in RTDB_URL is the same host', () => {
  expect(parseRtdbUrl('HTTPS://Mine.FirebaseIO.com').origin).toBe('https://mine.firebaseio.com');
});

test('an instance or a region that leads elsewhere is shown no token', () => {
  const names = { emulatorHost: undefined, url: undefined, project: undefined };
  for (const [instance, region] of [
    ['evil.example/', 'us-central1'],
    ['evil.example#', 'us-central1'],
    ['mine', 'evil.example/'],
    ['user@mine', 'europe-west1'],
  ] as const) {
    const database = rtdbDatabase({ ...names, instance, region });
    expect(tokenFor(database, async () => TOKEN)).toBeNull();
  }
});

test('a redirect leads nowhere: the token is for the host that was asked', async () => {
  const asked: string[] = [];
  const server = createServer(({ headers, url }, response) => {
    asked.push(headers.host ?? '');
    const { port } = server.address() as AddressInfo;
    response.writeHead(307, { location: `http://localhost:${port}${url}` }).end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const database = { origin: `http://127.0.0.1:${port}`, namespace: 'mine', instance: 'mine' };
  try {
    const never = () => Promise.reject(new Error('asked'));
    const reading = readRtdb({ database, accessToken: never }, { path: ['x'] });
    await expect(reading).rejects.toThrow('RTDB answered 307');
    expect(asked).toEqual([`127.0.0.1:${port}`]);
  } finally {
    server.closeAllConnections();
    server.close();
  }
});
