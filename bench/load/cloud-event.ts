import { createHash } from 'node:crypto';

const COUPLES = 5_000;
const INSTANCE = 'demo-quests-default-rtdb';
const SOURCE = `//firebasedatabase.googleapis.com/projects/_/locations/us-central1/instances/${INSTANCE}`;
const DATA_TYPE = 'type.googleapis.com/google.events.firebase.database.v1.ReferenceEventData';

export interface Couple {
  coupleId: string;
  first: string;
  second: string;
}

/** Ids of the length that Firebase Authentication gives. */
const couples: Couple[] = Array.from({ length: COUPLES }, (_, index) => {
  const hash = createHash('sha256').update(`couple ${index}`).digest('hex');
  const [first = '', second = ''] = [hash.slice(0, 28), hash.slice(28, 56)].sort();
  return { coupleId: `${first}_${second}`, first, second };
});

/** The couple of a leaf: neighbours are spread over the table's key. */
export function coupleOf(leaf: number): Couple {
  return couples[(leaf * 2_741) % COUPLES] as Couple;
}

/** What one write of RTDB is, apart from its event's envelope. */
export interface Write {
  ref: string;
  userId: string;
  /** The values before the write and the change, as JSON; ASCII. */
  data: string;
  delta: string;
}

/**
 * A write as the platform posts it: a CloudEvent in binary mode, over keep-alive.
 *
 * @param index of the event in its round: it orders the times within a millisecond
 */
export function postedEvent(eventId: string, index: number, write: Write): string {
  const micros = String(index % 1_000).padStart(3, '0');
  const time = `${new Date().toISOString().slice(0, -1)}${micros}Z`;
  const body = `{"@type":"${DATA_TYPE}","data":${write.data},"delta":${write.delta}}`;
  return (
    'POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n' +
    `Content-Type: application/json\r\nContent-Length: ${body.length}\r\n` +
    `ce-specversion: 1.0\r\nce-id: ${eventId}\r\n` +
    'ce-type: google.firebase.database.ref.v1.written\r\n' +
    `ce-source: ${SOURCE}\r\nce-subject: refs/${write.ref}\r\nce-time: ${time}\r\n` +
    `ce-ref: ${write.ref}\r\nce-instance: ${INSTANCE}\r\n` +
    'ce-firebasedatabasehost: firebaseio.com\r\nce-location: us-central1\r\n' +
    `ce-authtype: app_user\r\nce-authid: ${write.userId}\r\n\r\n${body}`
  );
}
