import { randomUUID } from 'node:crypto';
import { isRecord } from '../data/json';
import type { Namespace } from '../namespace';
import { WRITE_TOO_BIG } from '../rtdb-error';
import { Session } from './session';

/** Carries the text of messages to one client. */
export interface Transport {
  send(text: string): void;
  /** Ends in order: what was sent before still arrives. */
  close(): void;
}

interface Message {
  readonly t: unknown;
  readonly d: Readonly<Record<string, unknown>>;
  readonly size: number;
}

/** https://firebase.google.com/docs/database/usage/limits (a single write by an SDK) */
const MAX_WRITE_BYTES = 16 * 1024 * 1024;
const TOO_BIG = { s: 'write_too_big', d: WRITE_TOO_BIG };
const WRITES: ReadonlySet<unknown> = new Set(['p', 'm', 'o', 'om']);
const PROTOCOL_VERSION = '5';

const control = (t: string, d: unknown = {}): string => JSON.stringify({ t: 'c', d: { t, d } });

/** What a client is told that tries to go on with a connection that is not there: start anew. */
export const resetMessage = (host: string): string => control('r', host);

/** Throws where the text is not JSON; null where it is not a message. */
function parseMessage(text: string): Message | null {
  const message: unknown = JSON.parse(text);
  return isRecord(message) && isRecord(message.d)
    ? { t: message.t, d: message.d, size: Buffer.byteLength(text) }
    : null;
}

/** What a connection needs of the server: a `Standin`. */
interface ConnectionHost {
  readonly parts: { readonly log: (line: string) => void };
  /** Those that are open, by session id. */
  readonly connections: Map<string, Connection>;
  now(): number;
  namespace(name: string): Namespace;
}

/**
 * One client's connection, over a WebSocket, or over long polling with an upgrade to a WebSocket.
 * An upgrade goes as `Connection` of `@firebase/database` has it: pings on the new transport, then
 * the client acknowledges there (`a`) and ends its side of the old one (`n`); we end ours.
 */
export class Connection {
  readonly id = randomUUID();
  readonly #session: Session;
  /** What we send by, and what the client sends by. */
  #out: Transport | null = null;
  #in: Transport | null = null;
  #upgrade: Transport | null = null;
  /** Came by the new transport before the last of the old one. */
  #early: Message[] = [];

  constructor(
    private readonly standin: ConnectionHost,
    namespace: string,
    private readonly host: string,
  ) {
    const { log } = standin.parts;
    const push = (a: string, b: unknown): void =>
      this.#out?.send(JSON.stringify({ t: 'd', d: { a, b } }));
    this.#session = new Session(standin.namespace(namespace), push, log);
  }

  /** Greets the client over its first transport. */
  open(transport: Transport): void {
    this.#out = transport;
    this.#in = transport;
    this.standin.connections.set(this.id, this);
    const { host: h, id: s } = this;
    transport.send(control('h', { ts: Math.floor(this.standin.now()), v: PROTOCOL_VERSION, h, s }));
  }

  /** A second transport, for the client to go over to. */
  startUpgrade(transport: Transport): void {
    this.#upgrade?.close();
    this.#upgrade = transport;
    this.#early = [];
    transport.send(control('a'));
  }

  receive(from: Transport, text: string): void {
    try {
      const message = parseMessage(text);
      if (message?.t === 'c') {
        this.#control(from, message.d.t);
      } else if (message?.t === 'd' && from === this.#in) {
        this.#request(message);
      } else if (message?.t === 'd' && from === this.#upgrade) {
        this.#early.push(message);
      }
    } catch (error) {
      this.fail(error);
    }
  }

  fail(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error);
    this.standin.parts.log(`connection closed: ${reason}`);
    this.close();
  }

  /** A transport is gone; one that nothing depends on any more, or yet, is not missed. */
  lost(transport: Transport): void {
    if (transport === this.#in || transport === this.#out) {
      this.close();
    } else if (transport === this.#upgrade) {
      this.#upgrade = null;
      this.#early = [];
    }
  }

  /** Does what the client left for its disconnection. */
  close(): void {
    const transports = new Set([this.#in, this.#out, this.#upgrade]);
    this.#in = null;
    this.#out = null;
    this.#upgrade = null;
    this.#early = [];
    this.standin.connections.delete(this.id);
    this.#session.close();
    for (const transport of transports) {
      transport?.close();
    }
  }

  #control(from: Transport, type: unknown): void {
    if (type === 'p') {
      from.send(control('o'));
    } else if (type === 'a' && from === this.#upgrade) {
      const old = this.#out;
      old?.send(control('n'));
      this.#out = from;
      this.#endUpgrade(old);
    } else if (type === 'n' && from === this.#in && this.#upgrade !== null) {
      this.#in = this.#upgrade;
      for (const message of this.#early.splice(0)) {
        this.#request(message);
      }
      this.#endUpgrade(from);
    }
  }

  #endUpgrade(old: Transport | null): void {
    if (this.#in === this.#upgrade && this.#out === this.#upgrade) {
      this.#upgrade = null;
      old?.close();
    }
  }

  #request({ d: { r, a, b }, size }: Message): void {
    const body = isRecord(b) ? b : {};
    const answer =
      size > MAX_WRITE_BYTES && WRITES.has(a) ? TOO_BIG : this.#session.handle(String(a), body);
    this.#out?.send(JSON.stringify({ t: 'd', d: { r, b: answer } }));
  }
}
