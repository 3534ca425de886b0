/** HTTP requests of tests, each on a connection of its own. */
import * as Bencode from "./Bencode.ts"

/** The slowest answer is that of a tracker whose store has gone. */
const TIMEOUT_MS = 30_000

/**
 * A tracker may close a connection that it has answered on without saying so, as opentracker does; a request that was
 * sent on it meanwhile would be lost.
 */
export const get = (url: string | URL, timeoutMs = TIMEOUT_MS): Promise<Response> =>
  fetch(url, { headers: { connection: "close" }, signal: AbortSignal.timeout(timeoutMs) })

/** What a tracker answers: one bencoded dictionary. */
export const getDict = async (url: string, timeoutMs = TIMEOUT_MS): Promise<Bencode.Dict> =>
  Bencode.decode(new Uint8Array(await (await get(url, timeoutMs)).arrayBuffer())) as Bencode.Dict
