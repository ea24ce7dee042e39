import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type RtdbStandin, startRtdbStandin } from '../../rtdb-standin/server';
import { Collector } from './support/collector';
import { type EventReceiver, startEventReceiver } from './support/event-receiver';
import { OWNER, rest } from './support/rest';

let standin: RtdbStandin;
let receiver: EventReceiver;

afterEach(async () => {
  await standin.stop();
  await receiver.stop();
});

const write = (path: string, body: unknown): Promise<unknown> =>
  rest(standin, path, { method: 'PUT', body, headers: OWNER });

describe('events over HTTP', () => {
  test('binary mode: attributes in headers, in raw UTF-8 as production was seen to send', async () => {
    receiver = await startEventReceiver();
    standin = await startRtdbStandin({ triggers: [{ refPattern: 'x/{id}', url: receiver.url }] });
    const key = 'a%41 "ż🎉:b';
    await write(`/x/${encodeURIComponent(key)}.json`, 1);
    await write('/x/%20ends%20.json', 1);
    const [event, spaced] = await receiver.received.atLeast(2);
    const utf8 = (header: unknown): string =>
      Buffer.from(String(header), 'latin1').toString('utf8');
    expect(utf8(event?.headers['ce-ref'])).toBe(`x/${key}`);
    expect(utf8(event?.headers['ce-subject'])).toBe(`refs/x/${key}`);
    expect(spaced?.headers['ce-ref']).toBe('x/ ends%20');
  });

  test('binary mode with encoded refs: as the CloudEvents HTTP binding asks', async () => {
    receiver = await startEventReceiver();
    standin = await startRtdbStandin({
      refForm: 'encoded',
      triggers: [{ refPattern: 'x/{id}', url: receiver.url }],
    });
    const key = 'a%41 "ż🎉:b';
    await write(`/x/${encodeURIComponent(key)}.json`, { note: 'ż' });
    const [event] = await receiver.received.atLeast(1);
    expect(event?.headers).toMatchObject({
      'content-type': 'application/json',
      'ce-specversion': '1.0',
      'ce-type': 'google.firebase.database.ref.v1.written',
      'ce-id': expect.any(String),
      'ce-time': expect.stringMatching(/\.\d{6}Z$/),
      'ce-ref': 'x/a%2541%20%22%C5%BC%F0%9F%8E%89:b',
      'ce-subject': 'refs/x/a%2541%20%22%C5%BC%F0%9F%8E%89:b',
      'ce-instance': 'demo-quests-default-rtdb',
      'ce-firebasedatabasehost': 'firebaseio.com',
      'ce-location': 'us-central1',
      'ce-authtype': 'admin',
    });
    expect(event?.body).toMatchObject({ data: null, delta: { note: 'ż' } });
  });

  test('structured mode: everything in the body', async () => {
    receiver = await startEventReceiver();
    standin = await startRtdbStandin({ eventMode: 'structured', eventTarget: receiver.url });
    standin.addTrigger({ refPattern: 'x/{id}' });
    await write('/x/ż.json', 1);
    const [event] = await receiver.received.atLeast(1);
    expect(event?.headers['content-type']).toBe('application/cloudevents+json; charset=utf-8');
    expect(event?.body).toMatchObject({ specversion: '1.0', ref: 'x/ż', data: { delta: 1 } });
  });

  test('a trigger that firebase-tools registers is called at the functions emulator', async () => {
    receiver = await startEventReceiver();
    const functionsEmulator = { host: '127.0.0.1', port: receiver.port };
    standin = await startRtdbStandin({ functionsEmulator });
    const register = (generation: number) =>
      rest(standin, '/.settings/functionTriggers.json', {
        method: 'POST',
        headers: OWNER,
        body: {
          name: `projects/demo-quests/locations/us-central1/triggers/us-central1-mirror-${generation}`,
          path: 'x/{id}',
          event: 'google.firebase.database.ref.v1.written',
          topic: `projects/demo-quests/topics/us-central1-mirror-${generation}`,
          namespacePattern: '*',
        },
      });
    expect((await register(0)).status).toBe(200);
    await register(1);
    await write('/x/a.json', 1);
    await standin.eventsDelivered();
    await write('/x/b.json', 1);
    const received = await receiver.received.atLeast(2);
    const url = '/functions/projects/demo-quests/triggers/us-central1-mirror-1';
    expect(received.map((event) => event.url)).toEqual([url, url]);
  });

  test.each<[string, FirstGenKind, unknown[]]>([
    ['onWrite', 'write', [{ note: 'é' }, { note: 'é', more: 1 }, null]],
    ['onCreate', 'create', [{ note: 'é' }]],
    ['onUpdate', 'update', [{ note: 'é', more: 1 }]],
    ['onDelete', 'delete', [{ note: 'é', more: 1 }]],
  ])('a 1st-gen function gets what it is made for: %s', async (name, kind, expected) => {
    receiver = await startEventReceiver();
    const functionsEmulator = { host: '127.0.0.1', port: receiver.port };
    standin = await startRtdbStandin({ functionsEmulator });
    const registration = {
      name: 'projects/demo-quests/locations/_/functions/us-central1-old-0',
      path: '/x/{id}',
      event: `providers/google.firebase.database/eventTypes/ref.${kind}`,
      topic: 'projects/demo-quests/topics/us-central1-old-0',
    };
    const call = { method: 'POST', headers: OWNER, body: registration };
    expect((await rest(standin, '/.settings/functionTriggers.json', call)).status).toBe(200);
    for (const body of [{ note: 'é' }, { note: 'é', more: 1 }, null]) {
      await write('/x/a b.json', body);
    }
    await fetch(`http://${standin.address}/x/a.json?ns=another`, { method: 'PUT', body: '1' });
    await standin.eventsDelivered();
    const seen: unknown[] = [];
    const run = firstGen(name, (value, context) => {
      seen.push(value);
      expect(context).toMatchObject({ params: { id: 'a b' }, authType: 'ADMIN' });
    });
    for (const { url, body } of receiver.received.items) {
      expect(url).toBe('/functions/projects/demo-quests/triggers/us-central1-old-0');
      await run(body as LegacyBody);
    }
    expect(seen).toEqual(expected);
  });

  test('a failed delivery is logged and not retried', async () => {
    receiver = await startEventReceiver(500);
    const lines = new Collector<string>();
    standin = await startRtdbStandin({
      log: lines.add,
      triggers: [{ refPattern: 'x/{id}', url: receiver.url }],
    });
    await write('/x/a.json', 1);
    expect((await lines.atLeast(1))[0]).toMatch(/x\/a was not delivered \(no retry\): .* 500$/);
    expect(receiver.received.items).toHaveLength(1);
  });

  test('400 leaves of one write arrive, a few at a time', async () => {
    receiver = await startEventReceiver();
    standin = await startRtdbStandin({
      maxEventsInFlight: 4,
      triggers: [{ refPattern: 'x/{id}', url: receiver.url }],
    });
    await write('/x.json', Object.fromEntries(Array.from({ length: 400 }, (_, i) => [`k${i}`, i])));
    const received = await receiver.received.atLeast(400);
    expect(new Set(received.map((event) => event.headers['ce-ref'])).size).toBe(400);
    expect(new Set(received.map((event) => event.headers['ce-time'])).size).toBe(1);
  });

  test('the writer is answered before a slow function is', async () => {
    receiver = await startEventReceiver();
    const order: string[] = [];
    let release = (): void => {};
    const held = new Promise<void>((resolve) => {
      release = resolve;
    });
    standin = await startRtdbStandin({
      triggers: [{ refPattern: 'x', eventTarget: () => held.then(() => void order.push('event')) }],
    });
    await write('/x.json', 1);
    order.push('answer');
    release();
    await standin.eventsDelivered();
    expect(order).toEqual(['answer', 'event']);
  });
});

type FirstGenKind = 'write' | 'create' | 'update' | 'delete';

interface LegacyBody {
  readonly data: unknown;
  readonly context: { readonly resource: { readonly name: string } };
}

interface Snapshot {
  val(): unknown;
}

type FirstGenHandler = (value: Snapshot | { after: Snapshot }, context: unknown) => void;
type FirstGenFunction = (data: unknown, context: object) => Promise<void>;

/** A function of firebase-functions, called as the functions emulator's runtime calls it. */
function firstGen(method: string, handler: (value: unknown, context: unknown) => void) {
  process.env.FIREBASE_CONFIG = JSON.stringify({
    projectId: 'demo-quests',
    databaseURL: 'https://demo-quests-default-rtdb.firebaseio.com',
  });
  const fromFunctions = createRequire(join(__dirname, '../../functions/package.json'));
  const functions: {
    database: { ref(path: string): Record<string, (run: FirstGenHandler) => FirstGenFunction> };
  } = fromFunctions('firebase-functions/v1');
  const made = functions.database.ref('/x/{id}')[method]?.((value, context) => {
    handler('after' in value ? value.after.val() : value.val(), context);
  });
  // functionsEmulatorRuntime.js, processBackground
  return ({ data, context }: LegacyBody) =>
    made?.(data, { ...context, resource: context.resource.name });
}
