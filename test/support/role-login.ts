import { randomBytes } from 'node:crypto';
import { Client } from 'pg';
import { SERVER_URL_VARIABLE } from './database';

export interface RoleLogin {
  /** The same database, with this login. */
  at(url: string): string;
  drop(): Promise<void>;
}

/** A login of the tests' server that is a member of one of the mirror's roles, and of nothing else. */
export async function createRoleLogin(role: string): Promise<RoleLogin> {
  const name = `${role}_${randomBytes(4).toString('hex')}`;
  await onServer(`create role ${name} login password 'x' in role ${role}`);
  return {
    at: (url) => Object.assign(new URL(url), { username: name, password: 'x' }).href,
    drop: () => onServer(`drop role ${name}`),
  };
}

async function onServer(text: string): Promise<void> {
  const client = new Client({ connectionString: process.env[SERVER_URL_VARIABLE] });
  await client.connect();
  try {
    await client.query(text);
  } finally {
    await client.end();
  }
}
