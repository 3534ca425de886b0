/** `shoal dht`: what it takes. */
import type { Spec } from "./Command.ts"
import * as Options from "./Options.ts"
import * as Value from "./Value.ts"

export const spec = {
  name: "dht",
  summary: "ask the DHT: lookup, announce or sample torrents, get or put items",
  argument: {
    name: "VERB",
    isRepeated: true,
    description: "lookup HASH, announce HASH, sample [HASH], get TARGET, or put TEXT; " +
      "HASH is a magnet link, a .torrent file or 40 digits",
  },
  flags: {
    bootstrap: Options.bootstrap,
    port: Options.value(
      "port",
      "N",
      Value.integer(1, 65_535),
      undefined,
      `announce that peers can connect on this port (default ${Options.PORT})`,
      "p",
    ),
    bind: Options.value("bind", "ADDR", Value.ip, undefined, "use this local address only"),
    timeout: Options.value(
      "timeout",
      "D",
      Value.duration,
      undefined,
      "give up after so long: 90s, 15m (default 1m)",
    ),
    key: Options.value(
      "key",
      "FILE",
      Value.text("a file"),
      undefined,
      "put an item that can be replaced, signed with the key in this file; a new one is made where there is none",
    ),
    publicKey: Options.value(
      "public-key",
      "HEX",
      Value.hex(32),
      undefined,
      "get the item of this author instead of a TARGET",
    ),
    salt: Options.value("salt", "TEXT", Value.text("a salt"), undefined, "which of an author's items"),
    seq: Options.value(
      "seq",
      "N",
      Value.integer(0, Number.MAX_SAFE_INTEGER),
      undefined,
      "the item's number; without it one more than that of the item which is there",
    ),
  },
  example: "shoal dht lookup 'magnet:?xt=urn:btih:2b66980093bc11806fab50cb3cb41835b95a0362'",
  interrupted: "interrupted",
} satisfies Spec

export type DhtOptions = Options.Values<typeof spec.flags>
