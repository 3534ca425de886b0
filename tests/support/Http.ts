/** HTTP requests of tests, each on a connection of its own. */
import * as Bencode from "./Bencode.ts"

/**
 * A tracker may close a connection that it has answered on without saying so, as opentracker does; a request that was
 * sent on it meanwhile would be lost.
 */
export const get = (url: string | URL): Promise<Response> => fetch(url, { headers: { connection: "close" } })

/** What a tracker answers: one bencoded dictionary. */
export const getDict = async (url: string): Promise<Bencode.Dict> =>
  Bencode.decode(new Uint8Array(await (await get(url)).arrayBuffer())) as Bencode.Dict
