import { randomUUID } from 'node:crypto';
import type { Auth } from '../credentials';
import { exportJson } from '../data/export-json';
import type { Json } from '../data/json';
import { deltaBetween } from '../data/node-diff';
import { formatPath } from '../data/path';
import type { Commit } from '../namespace';
import { changedLocations } from './changed-leaves';
import type { SegmentPattern } from './pattern';

const DATA_TYPE = 'type.googleapis.com/google.events.firebase.database.v1.ReferenceEventData';
const LOCATION = 'us-central1';

/**
 * A Realtime Database CloudEvent in the structured form. `data.data` is the value before,
 * `data.delta` the change.
 * https://github.com/googleapis/google-cloudevents (`google/events/firebase/database/v1`)
 */
export interface DatabaseEvent {
  readonly specversion: '1.0';
  readonly id: string;
  readonly type: string;
  readonly source: string;
  readonly subject: string;
  readonly time: string;
  readonly datacontenttype: 'application/json';
  readonly ref: string;
  readonly instance: string;
  readonly firebasedatabasehost: string;
  readonly location: string;
  readonly authtype: 'admin' | 'app_user' | 'unauthenticated';
  readonly authid?: string;
  readonly data: { readonly '@type': string; readonly data: Json; readonly delta: Json };
}

/** Which change of existence an event type stands for. */
function happened(type: string, existedBefore: boolean, existsAfter: boolean): boolean {
  switch (type.slice(type.lastIndexOf('.') + 1)) {
    case 'created':
      return !existedBefore && existsAfter;
    case 'updated':
      return existedBefore && existsAfter;
    case 'deleted':
      return existedBefore && !existsAfter;
    default:
      return true;
  }
}

function authAttributes(auth: Auth): Pick<DatabaseEvent, 'authtype' | 'authid'> {
  return auth.kind === 'user'
    ? { authtype: 'app_user', authid: auth.uid }
    : { authtype: auth.kind };
}

/**
 * The events that a commit means to a trigger: one for each location that fits its pattern and
 * whose value changed. They share the commit's time; ids are unique.
 */
export function* databaseEvents(
  trigger: { readonly ref: readonly SegmentPattern[]; readonly eventType: string },
  commit: Commit,
): Generator<DatabaseEvent> {
  const { namespace: instance, time, auth } = commit;
  for (const { path, before, after } of changedLocations(
    trigger.ref,
    commit.before,
    commit.after,
  )) {
    const delta = deltaBetween(before, after);
    if (delta === undefined || !happened(trigger.eventType, before !== null, after !== null)) {
      continue;
    }
    const ref = formatPath(path);
    yield {
      specversion: '1.0',
      id: randomUUID(),
      type: trigger.eventType,
      source: `//firebasedatabase.googleapis.com/projects/_/locations/${LOCATION}/instances/${instance}`,
      subject: `refs/${ref}`,
      time: time.iso,
      datacontenttype: 'application/json',
      ref,
      instance,
      firebasedatabasehost: 'firebaseio.com',
      location: LOCATION,
      ...authAttributes(auth),
      data: { '@type': DATA_TYPE, data: exportJson(before), delta },
    };
  }
}
