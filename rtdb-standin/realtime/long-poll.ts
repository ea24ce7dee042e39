import { randomUUID } from 'node:crypto';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { namespaceName, requestTarget, type Standin } from '../standin';
import { Connection, type Transport } from './connection';
import { segmentJoiner } from './segments';

/** The SDK asks again after 25 s at the latest. */
const ABANDONED_MS = 60_000;
const CALLBACK_ID = /^\w{1,40}$/;

/** Its polls by session id; a transport that was given up stays until it could say so. */
const polls = new WeakMap<Standin, Map<string, LongPoll>>();

function pollsOf(standin: Standin): Map<string, LongPoll> {
  const known = polls.get(standin) ?? new Map<string, LongPoll>();
  polls.set(standin, known);
  return known;
}

/** An expression for JSON text, which is no JavaScript where a key is `__proto__`. */
const parsed = (json: string): string => `parent.JSON.parse(${JSON.stringify(json)})`;

function sendScript(response: ServerResponse, script: string): void {
  const type = 'application/javascript; charset=utf-8';
  response.writeHead(200, { 'Content-Type': type, 'Cache-Control': 'no-store' }).end(script);
}

/**
 * Long polling by script tags, as `BrowserPollConnection` of `@firebase/database` does it. A browser
 * takes it first wherever a WebSocket failed once, and knows no other way back to WebSockets.
 */
class LongPoll implements Transport {
  readonly password = randomUUID();
  readonly #takeSegments = segmentJoiner();
  #messages: string[] = [];
  #responses = 0;
  #waiting: ServerResponse | null = null;
  #isEnding = false;
  #abandoned: NodeJS.Timeout | undefined;

  constructor(
    readonly connection: Connection,
    private readonly forget: () => void,
  ) {}

  /** Answers the request that starts the session, with the greeting in it. */
  start(response: ServerResponse, callbackId: string): void {
    const define = (name: string): string =>
      `function ${name}() { var f = parent.window['${name}${callbackId}']; f && f.apply(null, arguments); }\n`;
    const ids = `'${this.connection.id}', '${this.password}'`;
    const script = `${define('pLPCommand')}${define('pRTLPCB')}pLPCommand('start', ${ids});\n`;
    sendScript(response, script + this.#takeMessages());
    this.#expectPoll();
  }

  send(text: string): void {
    this.#messages.push(text);
    setImmediate(() => this.#flush());
  }

  close(): void {
    this.#isEnding = true;
    this.#flush();
  }

  /** A request that may bring data, and is held until there is something to answer. */
  poll(response: ServerResponse, parameters: URLSearchParams): void {
    clearTimeout(this.#abandoned);
    const previous = this.#waiting;
    this.#waiting = response;
    response.once('close', () => {
      if (this.#waiting === response) {
        this.#waiting = null;
        this.#expectPoll();
      }
    });
    if (previous !== null) {
      sendScript(previous, '');
    }
    try {
      for (const text of this.#takeSegments(parameters)) {
        this.connection.receive(this, text);
      }
    } catch (error) {
      this.connection.fail(error);
    }
    this.#flush();
  }

  /** The page is gone. */
  end(): void {
    clearTimeout(this.#abandoned);
    this.forget();
    this.connection.lost(this);
  }

  #expectPoll(): void {
    clearTimeout(this.#abandoned);
    this.#abandoned = setTimeout(() => this.end(), ABANDONED_MS);
    this.#abandoned.unref();
  }

  #takeMessages(): string {
    const messages = this.#messages.splice(0);
    if (messages.length === 0) {
      return '';
    }
    this.#responses += 1;
    return `pRTLPCB(${this.#responses - 1}, ${parsed(`[${messages.join(',')}]`)});\n`;
  }

  #flush(): void {
    const response = this.#waiting;
    if (response === null || (this.#messages.length === 0 && !this.#isEnding)) {
      return;
    }
    this.#waiting = null;
    const data = this.#takeMessages();
    if (!this.#isEnding) {
      sendScript(response, data);
      this.#expectPoll();
      return;
    }
    // The client reads up to that response first.
    sendScript(response, `${data}pLPCommand('close', ${this.#responses - 1});\n`);
    this.forget();
  }
}

function startLongPoll(standin: Standin, request: IncomingMessage, response: ServerResponse): void {
  const { parameters } = requestTarget(request);
  const host = request.headers.host ?? '';
  const callbackId = parameters.get('cb') ?? '';
  if (!CALLBACK_ID.test(callbackId)) {
    response.writeHead(400).end();
    return;
  }
  const connection = new Connection(standin, namespaceName(parameters, host), host);
  const known = pollsOf(standin);
  const longPoll = new LongPoll(connection, () => known.delete(connection.id));
  known.set(connection.id, longPoll);
  connection.open(longPoll);
  longPoll.start(response, callbackId);
}

/** A frame of the page, which tells when the page goes. */
function sendDisconnectFrame(response: ServerResponse, id: string, password: string): void {
  const url = `/.lp?disconn=t&id=${id}&pw=${password}`;
  response
    .writeHead(200, { 'Content-Type': 'text/html; charset=utf-8' })
    .end(
      `<!doctype html><script>addEventListener('pagehide', () => navigator.sendBeacon('${url}'));</script>`,
    );
}

/** Serves `/.lp`. A session that is not known (any more) is a 404: the SDK then starts anew. */
export function serveLongPoll(
  standin: Standin,
  request: IncomingMessage,
  response: ServerResponse,
): void {
  const { parameters } = requestTarget(request);
  if (parameters.has('start')) {
    startLongPoll(standin, request, response);
    return;
  }
  const id = parameters.get('id') ?? '';
  const longPoll = pollsOf(standin).get(id);
  if (longPoll === undefined || parameters.get('pw') !== longPoll.password) {
    response.writeHead(404).end();
  } else if (parameters.has('disconn')) {
    longPoll.end();
    response.writeHead(204).end();
  } else if (parameters.has('dframe')) {
    sendDisconnectFrame(response, id, longPoll.password);
  } else {
    longPoll.poll(response, parameters);
  }
}
