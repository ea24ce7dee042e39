import { Client, type ClientBase, type ClientConfig, DatabaseError } from 'pg';
import { z } from 'zod';
import { ConnectError } from './connect-error';
import type { ConnectGate } from './connect-gate';
import { blameOf, sqlstateOf } from './sqlstate';
import { query, statementsOn } from './statements';

/** Statements in flight on one connection: at 20 ms away, 4 would cap it at 200 a second. */
const PIPELINE_DEPTH = 8;
/** How old a session is at least that is given up because something is missing. */
const RENEWED_AFTER_MS = 5_000;
/** A statement was cancelled, by a time limit for one. */
const CANCELLED = '57014';
/** How old it is when its connect counts as a success. */
const PROVEN_AFTER_MS = 1_000;

interface Session {
  client: Promise<Client>;
  openedAt: number;
  /** It has worked for a while. */
  isProven: boolean;
}

/**
 * One connection that takes a statement before the last one was answered, where that is safe: only
 * on a direct connection. A pooler in transaction mode may hand the server connection on between
 * two statements: pgbouncer 1.18 was seen to break the protocol then. There, one statement is in
 * flight at a time.
 *
 * pg's own Pool never pipelines, and a pipelined Client doesn't reconnect: so this replaces a session
 * that was lost, or that can't do the work any more, at the next statement. Every statement is its own
 * transaction and unnamed.
 *
 * Source: node-postgres documentation, "Pipelining"; PostgreSQL manual, 32.5 "Pipeline Mode".
 */
export class PipelinedConnection {
  /** Statements that may be in flight; 1 until it is known that no pooler is in between. */
  depth = 1;
  /** Statements sent and not answered, or waiting for their turn. */
  load = 0;
  #sent = 0;
  readonly #waiting: (() => void)[] = [];
  #session: Session | null = null;

  constructor(
    private readonly config: ClientConfig,
    private readonly gate: ConnectGate,
  ) {}

  /** Runs one statement. Rejects with pg's error, or a {@link ConnectError}. */
  async run(text: string, values: unknown[], signal?: AbortSignal): Promise<unknown[]> {
    this.load += 1;
    try {
      await this.#turn();
      signal?.throwIfAborted();
      return await this.#send(text, values);
    } finally {
      this.load -= 1;
      this.#sent -= 1;
      this.#admit();
    }
  }

  /** Lets what is in flight finish, then closes. Call it when nothing more is submitted or waits. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await (await session?.client.catch(() => null))?.end();
  }

  /** Resolves when the statement may be sent; in the order of asking. */
  #turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#admit();
    });
  }

  #admit(): void {
    while (this.#sent < this.depth && this.#waiting.length > 0) {
      this.#sent += 1;
      this.#waiting.shift()?.();
    }
  }

  async #send(text: string, values: unknown[]): Promise<unknown[]> {
    this.#session ??= this.#connect();
    const session = this.#session;
    try {
      const { rows } = await (await session.client).query(text, values);
      this.#prove(session);
      return rows;
    } catch (error) {
      if (error instanceof ConnectError) throw error;
      if (isWornOut(error, performance.now() - session.openedAt)) this.#giveUp(session, error);
      else this.#prove(session);
      throw error;
    }
  }

  /** A login shows nothing, nor does a first read: a server may let us in, and take no writes. */
  #prove(session: Session): void {
    if (session.isProven || performance.now() - session.openedAt < PROVEN_AFTER_MS) return;
    session.isProven = true;
    this.gate.succeeded();
  }

  /** The next statement, a repeated one included, goes to a new session; what is in flight ends here. */
  #giveUp(session: Session, error: unknown): void {
    if (this.#session !== session) return;
    this.#session = null;
    // Whatever the server said itself, it would say to the next login, too, if that came at once.
    const isLost = !(error instanceof DatabaseError) || error.severity === 'FATAL';
    // A session that was lost may be replaced at once, but not over and over.
    if (!isLost || !session.isProven) this.gate.failed();
    session.client.then((client) => client.end()).catch(() => {});
  }

  #connect(): Session {
    const client = new Client({ ...this.config, pipeline: true });
    const session: Session = {
      client: this.#open(client),
      openedAt: performance.now(),
      isProven: false,
    };
    const forget = () => {
      if (this.#session === session) this.#session = null;
    };
    // Without a listener, a connection lost while idle would end the process.
    client.on('error', forget);
    client.on('end', forget);
    session.client.then(() => {
      session.openedAt = performance.now();
    }, forget);
    return session;
  }

  async #open(client: Client): Promise<Client> {
    try {
      await this.gate.pass(async () => {
        await client.connect();
        this.depth = (await isDirect(client)) ? PIPELINE_DEPTH : 1;
      });
    } catch (error) {
      void client.end().catch(() => {});
      throw error;
    }
    this.#admit();
    return client;
  }
}

/**
 * Whether a session is to be given up. What is missing, or not granted, may be so for an old session
 * alone: a proxy that leads elsewhere by now, a role whose settings changed. So may a statement's time limit.
 */
function isWornOut(error: unknown, ageMs: number): boolean {
  const blame = blameOf(error);
  if (blame === 'session' || ageMs <= RENEWED_AFTER_MS) return blame === 'session';
  return blame === 'setup' || (blame !== 'asked' && sqlstateOf(error) === CANCELLED);
}

/** Which backend of the server answers. */
const BACKEND = query({
  text: 'select pg_backend_pid() as pid',
  params: {},
  row: { pid: z.number() },
});

/** The process id of the backend that answers on a connection. */
export async function backendOf(client: ClientBase): Promise<number> {
  return (await BACKEND.one(statementsOn(client))).pid;
}

/** A pooler announces a process id of its own to the client; a server announces that of its backend. */
export async function isDirect(
  client: ClientBase & { processID?: number | null },
): Promise<boolean> {
  return (await backendOf(client)) === client.processID;
}
