/** `shoal dht`: asks the DHT something, or tells it something, as a visitor that leaves again. */
import * as Effect from "effect/Effect"
import type * as Address from "../core/base/Address.ts"
import { Dht, type DhtNode } from "../shell/Dht.ts"
import type { Spec } from "./Command.ts"
import { announce, lookup, sample } from "./DhtPeers.ts"
import { get, put } from "./DhtItem.ts"
import { Failure, UsageError } from "./Exit.ts"
import * as Options from "./Options.ts"
import * as Value from "./Value.ts"

const VERBS = { lookup, announce, sample, get, put } as const

type Verb = keyof typeof VERBS

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
      Value.integer(0, 65_535),
      0,
      "the UDP port to ask from, and with announce the port that peers are told; 0 is any free one",
      "p",
    ),
    bind: Options.value("bind", "ADDR", Value.ip, undefined, "use this local address only"),
    timeout: Options.value("timeout", "D", Value.duration, 60_000, "give up after so long: 90s, 15m"),
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

/** A verb's words after it. */
export interface Visit {
  readonly node: DhtNode
  readonly options: DhtOptions
  readonly argument: string | undefined
}

/** What is wrong with the words, before anything is asked. */
const wrong = (verb: string | undefined, rest: ReadonlyArray<string>, options: DhtOptions) => {
  if (verb === undefined || !(verb in VERBS)) {
    return `unknown verb '${verb}'; expected one of ${Object.keys(VERBS).join(", ")}`
  }
  if (rest.length > 1) return `dht ${verb} takes one argument, not ${rest.length}`
  const isOptional = verb === "sample" || (verb === "get" && options.publicKey !== undefined)
  if (rest.length === 0 && !isOptional) return `dht ${verb} needs an argument`
  if (rest.length === 1 && verb === "get" && options.publicKey !== undefined) {
    return "dht get takes a TARGET or --public-key, not both"
  }
  return undefined
}

/** Runs a verb with a node of its own, for as long as that takes. */
export const run = (options: DhtOptions, [verb, ...rest]: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const message = wrong(verb, rest, options)
    if (message !== undefined) return yield* new UsageError({ message, command: "dht" })
    const dht = yield* Dht
    const node = yield* dht.open({ host: options.bind, port: options.port })
    if (node === undefined) return yield* new Failure({ reason: "no-dht", message: "there is no DHT" })
    yield* VERBS[verb as Verb]({ node, options, argument: rest[0] }).pipe(Effect.timeoutFail({
      duration: options.timeout,
      onTimeout: () =>
        new Failure({
          reason: "timeout",
          message: `the DHT took longer than ${options.timeout / 1_000} s; --timeout gives it more`,
        }),
    }))
  }).pipe(Effect.scoped)

/** Where a visitor begins: the nodes that were named, or those that everybody knows. */
export const bootstrapOf = (
  named: ReadonlyArray<Address.Address>,
  routers: ReadonlyArray<Address.Address>,
): ReadonlyArray<Address.Address> => named.length > 0 ? named : routers
