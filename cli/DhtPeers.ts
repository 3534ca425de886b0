/** `shoal dht lookup`, `announce` and `sample`: who takes part in which torrent. */
import * as Effect from "effect/Effect"
import * as Address from "../core/base/Address.ts"
import * as Bytes from "../core/base/Bytes.ts"
import * as InfoHash from "../core/metainfo/InfoHash.ts"
import type { InfoHash as Hash } from "../core/metainfo/Metainfo.ts"
import type { Event } from "../core/dht/Event.ts"
import type { Answered } from "../shell/Dht.ts"
import type { Visit } from "./DhtRun.ts"
import { Failure } from "./Exit.ts"
import * as Options from "./Options.ts"
import { type Fields, Output } from "./Output.ts"
import * as Source from "./Source.ts"
import * as Text from "./Text.ts"

export type Done = Extract<Answered, { readonly _tag: "LookupDone" }>

/** The end of a lookup; fails where nobody answered, since then it says nothing about what was asked. */
export const reached = (done: Answered): Effect.Effect<Done, Failure> =>
  done._tag === "LookupDone" && done.responses > 0 ? Effect.succeed(done) : new Failure({
    reason: "no-nodes",
    message: "no DHT node answered; see whether UDP gets through, or name a node with --dht-bootstrap",
  })

/** How a lookup went, in the words of both outputs. */
export const figures = ({ hops, nodes, queries, responses }: Done): Fields => ({
  hops,
  queries,
  responses,
  nodes: nodes.map(({ address, id }) => ({ id: Bytes.toHex(id), address: Address.format(address) })),
})

export const summary = ({ hops, queries, responses }: Done): string =>
  `${responses} of ${Text.count(queries, "question")} answered, ${Text.count(hops, "hop")}`

const infoHashOf = (source: string) => Effect.map(Source.infoHash(source), InfoHash.toBytes)

/** Prints each peer as it comes, and what is known of the swarm. */
export const lookup = ({ argument, node }: Visit) =>
  Effect.gen(function* () {
    const output = yield* Output
    const infoHash = yield* infoHashOf(argument!)
    const peers: Array<string> = []
    let swarm: { readonly seeds: number; readonly peers: number } | undefined
    const onEvent = (event: Event): void => {
      if (event._tag === "Scraped") swarm = { seeds: event.seeds, peers: event.peers }
      if (event._tag !== "PeersFound") return
      for (const peer of event.peers.map(Address.format)) {
        peers.push(peer)
        Effect.runSync(output.result(peer))
      }
    }
    const done = yield* Effect.flatMap(
      node.ask({ _tag: "GetPeers", infoHash, scrape: true }, onEvent),
      reached,
    )
    const hash: Hash = InfoHash.fromBytes(infoHash)
    yield* output.event("complete", {
      infoHash: hash,
      peers,
      ...(swarm === undefined ? {} : { seeders: swarm.seeds, leechers: swarm.peers }),
      ...figures(done),
    })
    yield* output.note(`${Text.count(peers.length, "peer")} of ${hash}; ${summary(done)}`)
  })

/** Tells the DHT that somebody takes part in a torrent at this machine's address. */
export const announce = ({ argument, node, options }: Visit) =>
  Effect.gen(function* () {
    const output = yield* Output
    const infoHash = yield* infoHashOf(argument!)
    const port = options.port ?? Options.PORT
    const done = yield* Effect.flatMap(
      node.ask({ _tag: "GetPeers", infoHash, announce: { port, impliedPort: false, isSeed: false } }),
      reached,
    )
    const hash = InfoHash.fromBytes(infoHash)
    if (done.announcedTo === 0) {
      return yield* new Failure({
        reason: "refused",
        message: `none of the ${done.responses} nodes that answered took the announce`,
      })
    }
    yield* output.event("complete", {
      infoHash: hash,
      port,
      announcedTo: done.announcedTo,
      ...figures(done),
    })
    yield* output.result(
      `${Text.count(done.announcedTo, "node")} will tell of port ${port} for ${hash}; ${summary(done)}`,
    )
  })

/** Prints info-hashes that nodes keep peers for (BEP 51), each once. */
export const sample = ({ argument, node }: Visit) =>
  Effect.gen(function* () {
    const output = yield* Output
    const target = argument === undefined ? new Uint8Array(20) : yield* infoHashOf(argument)
    if (argument === undefined) crypto.getRandomValues(target)
    const found = new Set<string>()
    let total = 0
    const onEvent = (event: Event): void => {
      if (event._tag !== "SampleFound") return
      total += event.total
      for (const hash of event.samples.map(Bytes.toHex)) {
        if (found.has(hash)) continue
        found.add(hash)
        Effect.runSync(output.result(hash))
      }
    }
    const done = yield* Effect.flatMap(node.ask({ _tag: "Sample", target }, onEvent), reached)
    yield* output.event("complete", { infoHashes: [...found], total, ...figures(done) })
    yield* output.note(`${Text.count(found.size, "info-hash", "info-hashes")}; ${summary(done)}`)
  })
