import { createHash } from 'node:crypto';

const COUPLES = 5_000;
/** One event in so many writes a leaf again that an earlier one created. */
const UPDATE_EVERY = 10;
/** Far enough back to have been answered: ordering is what the tests are for. */
const UPDATE_DISTANCE = 605;
const DATE_KEY = '2026-11-22';
const INSTANCE = 'demo-quests-default-rtdb';
const SOURCE = `//firebasedatabase.googleapis.com/projects/_/locations/us-central1/instances/${INSTANCE}`;
const DATA_TYPE = 'type.googleapis.com/google.events.firebase.database.v1.ReferenceEventData';

interface Couple {
  first: string;
  second: string;
}

/** Ids of the length that Firebase Authentication gives. */
const couples: Couple[] = Array.from({ length: COUPLES }, (_, index) => {
  const hash = createHash('sha256').update(`couple ${index}`).digest('hex');
  const [first = '', second = ''] = [hash.slice(0, 28), hash.slice(28, 56)].sort();
  return { first, second };
});

/** Whether event `index` of a round writes an existing leaf again. */
export function isUpdate(index: number): boolean {
  return index >= UPDATE_DISTANCE && index % UPDATE_EVERY === 0;
}

/**
 * Event `index` of a round as the platform posts it: a CloudEvent in binary mode, over keep-alive.
 * Nine in ten create a leaf with `true`; the tenth makes an earlier one a time.
 */
export function eventRequest(roundId: string, index: number): string {
  const update = isUpdate(index);
  // Not itself an update: the distance is odd, and of an update the index is a multiple of ten.
  const leaf = update ? index - UPDATE_DISTANCE : index;
  const couple = couples[(leaf * 2_741) % COUPLES] as Couple;
  const userId = leaf % 2 === 0 ? couple.first : couple.second;
  const day = `daily_quests/${couple.first}_${couple.second}/${DATE_KEY}`;
  const ref = `${day}/completions/quest_${roundId}_${leaf}_quiz/${userId}`;
  const now = Date.now();
  const micros = String(index % 1_000).padStart(3, '0');
  const time = `${new Date(now).toISOString().slice(0, -1)}${micros}Z`;
  const change = update ? `"data":true,"delta":${now}` : '"data":null,"delta":true';
  const body = `{"@type":"${DATA_TYPE}",${change}}`;
  return (
    'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n' +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
    `ce-specversion: 1.0\r\nce-id: ${roundId}-${index}${update ? '-u' : '-n'}\r\n` +
    'ce-type: google.firebase.database.ref.v1.written\r\n' +
    `ce-source: ${SOURCE}\r\nce-subject: refs/${ref}\r\nce-time: ${time}\r\nce-ref: ${ref}\r\n` +
    `ce-instance: ${INSTANCE}\r\nce-firebasedatabasehost: firebaseio.com\r\n` +
    `ce-location: us-central1\r\nce-authtype: app_user\r\nce-authid: ${userId}\r\n\r\n${body}`
  );
}
