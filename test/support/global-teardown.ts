/** Ends the server that global-setup.ts started; one that DATABASE_URL named is left alone. */
export default async function globalTeardown(): Promise<void> {
  await globalThis.questTestPostgres?.stop();
}
