import { type RtdbStandin, startRtdbStandin } from '../../local/rtdb-standin/server';
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
  test('binary mode: attributes in percent-encoded headers, data in the body', async () => {
    receiver = await startEventReceiver();
    standin = await startRtdbStandin({ triggers: [{ refPattern: 'x/{id}', url: receiver.url }] });
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

  test('a 1st-gen trigger is accepted and ignored, and said to be', async () => {
    receiver = await startEventReceiver();
    const lines = new Collector<string>();
    standin = await startRtdbStandin({ log: lines.add });
    const body = { name: 'projects/p/locations/_/functions/f', path: '/x', event: 'e', topic: 't' };
    const call = { method: 'POST', headers: OWNER, body };
    expect((await rest(standin, '/.settings/functionTriggers.json', call)).status).toBe(200);
    expect((await lines.atLeast(1))[0]).toContain('2nd-gen functions only');
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
