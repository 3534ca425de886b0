/** The DHT: the node of `core/dht` on a socket, with its table kept from one run to the next. */
import * as FileSystem from "@effect/platform/FileSystem"
import * as Context from "effect/Context"
import * as Deferred from "effect/Deferred"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as FiberSet from "effect/FiberSet"
import * as Layer from "effect/Layer"
import * as Random from "effect/Random"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import type { Address } from "../core/base/Address.ts"
import * as IpBytes from "../core/base/IpBytes.ts"
import type { Command } from "../core/dht/Command.ts"
import type { Event } from "../core/dht/Event.ts"
import type { Input, RequestId } from "../core/dht/Input.ts"
import * as Node from "../core/dht/Node.ts"
import * as Saved from "../core/dht/Saved.ts"
import { type BindError, Datagram, type DatagramSocket } from "./Datagram.ts"
import * as SavedFile from "./SavedFile.ts"
import { Signatures } from "./Signatures.ts"
import * as Wake from "./Wake.ts"

/** Nodes that everybody knows: where a node without a saved table begins. */
export const ROUTERS: ReadonlyArray<Address> = [
  { host: "router.bittorrent.com", port: 6881 },
  { host: "dht.transmissionbt.com", port: 6881 },
  { host: "dht.libtorrent.org", port: 25401 },
  { host: "router.utorrent.com", port: 6881 },
]

/** How often the table is saved: what a crash may cost is a slower start. */
const SAVE_INTERVAL = Duration.minutes(5)

/** Names that do not resolve are tried again, less and less often: the network may not be up yet. */
const RESOLVE_AGAIN = Schedule.union(Schedule.exponential("2 seconds"), Schedule.spaced("5 minutes"))

/** How long a question waits for the first nodes; after that it is asked of those that are there. */
const PATIENCE = Duration.seconds(15)

/** Something that a node can be asked for; see `core/dht/Input.ts`. */
export type Question = Asked<
  Extract<Input, { readonly _tag: "FindNode" | "GetPeers" | "GetItem" | "PutItem" | "Sample" | "Ping" }>
>
type Asked<I> = I extends Input ? Omit<I, "now" | "request"> : never

/** The last event of a question. */
export type Answered = Extract<Event, { readonly _tag: "LookupDone" | "Pong" | "NoPong" }>

export interface DhtNode {
  /** What it listens on. */
  readonly address: Address
  /** Asks; `onEvent` hears what comes in before the end. Interruption takes the question back. */
  readonly ask: (question: Question, onEvent?: (event: Event) => void) => Effect.Effect<Answered>
  /** Somebody says that a node is there; a name is resolved. */
  readonly addNode: (address: Address) => void
  readonly stats: () => Node.Stats
}

export interface DhtOptions {
  /** Where to begin, besides what is saved: literals, or names that are resolved. */
  readonly bootstrap: ReadonlyArray<Address>
  /** Where the table is kept; `undefined`: nowhere. The folder is made. */
  readonly stateFile: string | undefined
  /** Asks and never answers (BEP 43): for a short visit. */
  readonly isReadOnly: boolean
}

export class Dht extends Context.Tag("shoal/Dht")<Dht, {
  /** A node that listens on a UDP port, 0 for any, until the scope ends; `undefined` where there is to be none. */
  readonly open: (
    options: { readonly host: string | undefined; readonly port: number },
  ) => Effect.Effect<DhtNode | undefined, BindError, Scope.Scope>
}>() {}

/** No node: nothing is asked, nothing is answered. */
export const layerNone: Layer.Layer<Dht> = Layer.succeed(Dht, { open: () => Effect.succeed(undefined) })

export const layer = (
  options: DhtOptions,
): Layer.Layer<Dht, never, Datagram | Signatures | FileSystem.FileSystem> =>
  Layer.effect(
    Dht,
    Effect.gen(function* () {
      // These alone: with a scope of its own it would end the node too early, or never.
      const context = Context.pick(Datagram, Signatures, FileSystem.FileSystem)(
        yield* Effect.context<Datagram | Signatures | FileSystem.FileSystem>(),
      )
      return { open: (at) => Effect.provide(open(options, at), context) }
    }),
  )

const open = (
  { bootstrap, isReadOnly, stateFile }: DhtOptions,
  { host, port }: { readonly host: string | undefined; readonly port: number },
) =>
  Effect.gen(function* () {
    const datagram = yield* Datagram
    const signatures = yield* Signatures
    const fork = yield* FiberSet.makeRuntime<never, void, never>()
    const { arm, now } = yield* Wake.make((now) => push({ _tag: "Tick", now }))
    const ready = yield* Deferred.make<void>()
    const asking = new Map<RequestId, (event: Event) => void>()
    let nextRequest: RequestId = 1
    let node: Node.Node | undefined
    let isReady = false

    const push = (input: Input): void => {
      // The socket is there first, and may hear something already.
      if (node === undefined) return
      const [next, commands] = Node.step(node, input)
      node = next
      arm(Node.nextWake(node))
      if (!isReady && hasNodes(node)) {
        isReady = true
        Deferred.unsafeDone(ready, Effect.void)
      }
      for (const command of commands) execute(command)
    }

    const execute = (command: Command): void => {
      switch (command._tag) {
        case "Send":
          return socket.send(command.bytes, command.to)
        case "Verify": {
          const { message, publicKey, signature, verification } = command
          fork(Effect.map(
            signatures.verify(publicKey, signature, message),
            (isValid) => push({ _tag: "Verified", now: now(), verification, isValid }),
          ))
          return
        }
        case "Emit": {
          const { event } = command
          if ("request" in event) asking.get(event.request)?.(event)
        }
      }
    }

    const socket: DatagramSocket = yield* datagram.bind({ host, port }, {
      onMessage: (bytes, from) => push({ _tag: "Packet", now: now(), from, bytes }),
      onUnsent: (to) => push({ _tag: "Unsent", now: now(), to }),
    })
    const saved = yield* load(stateFile)
    const isLiteral = ({ host }: Address): boolean => IpBytes.fromText(host) !== undefined
    node = Node.make({
      id: saved?.id,
      seed: yield* Random.nextIntBetween(0, 2 ** 32),
      // Tokens and transaction ids are worth as much as nobody can guess them.
      secret: yield* signatures.generate,
      isReadOnly,
      families: familiesOf(socket.address),
      bootstrap: bootstrap.filter(isLiteral),
      saved: saved?.nodes ?? [],
    }, now())

    const resolve = (address: Address): Effect.Effect<void> =>
      datagram.resolve(address.host).pipe(
        Effect.tapError(({ message }) => Effect.logDebug(message)),
        Effect.retry(RESOLVE_AGAIN),
        Effect.map((hosts) => {
          for (const host of hosts) {
            push({ _tag: "AddNode", now: now(), address: { host, port: address.port } })
          }
        }),
        Effect.ignore,
      )
    const names = bootstrap.filter((address) => !isLiteral(address))
    yield* Effect.forkScoped(Effect.forEach(names, resolve, { concurrency: "unbounded", discard: true }))

    const save = Effect.suspend(() => store(stateFile, Node.id(node!), Node.saved(node!)))
    yield* Effect.addFinalizer(() => save)
    yield* Effect.forkScoped(Effect.schedule(save, Schedule.spaced(SAVE_INTERVAL)))
    push({ _tag: "Tick", now: now() })

    const ask = (question: Question, onEvent: (event: Event) => void = () => {}): Effect.Effect<Answered> =>
      Effect.zipRight(
        question._tag === "Ping" ? Effect.void : Effect.timeoutOption(Deferred.await(ready), PATIENCE),
        Effect.async<Answered>((resume) => {
          const request = nextRequest++
          asking.set(request, (event) => {
            if (event._tag !== "LookupDone" && event._tag !== "Pong" && event._tag !== "NoPong") {
              return onEvent(event)
            }
            asking.delete(request)
            resume(Effect.succeed(event))
          })
          push({ ...question, now: now(), request })
          return Effect.sync(() => {
            asking.delete(request)
            push({ _tag: "Cancel", now: now(), request })
          })
        }),
      )

    return {
      address: socket.address,
      ask,
      addNode: (address) => {
        if (isLiteral(address)) push({ _tag: "AddNode", now: now(), address })
        else fork(resolve(address))
      },
      stats: () => Node.stats(node!),
    } satisfies DhtNode
  })

const hasNodes = (node: Node.Node): boolean => {
  const { ipv4, ipv6 } = Node.stats(node).nodes
  return ipv4 + ipv6 > 0
}

/** What a socket on this address reaches: one on all IPv6 addresses hears IPv4 as well. */
const familiesOf = ({ host }: Address): ReadonlyArray<"ipv4" | "ipv6"> =>
  host === "::" ? ["ipv4", "ipv6"] : [host.includes(":") ? "ipv6" : "ipv4"]

const load = (stateFile: string | undefined) =>
  Effect.gen(function* () {
    if (stateFile === undefined) return undefined
    const bytes = yield* SavedFile.read(stateFile)
    if (bytes === undefined) return undefined
    const saved = Saved.decode(bytes)
    if (saved === undefined) yield* Effect.logWarning(`${stateFile} is no saved DHT table; it is begun anew`)
    return saved
  }).pipe(
    Effect.catchAll(({ message }) =>
      Effect.as(Effect.logWarning(`the saved DHT table can't be read: ${message}`), undefined)
    ),
  )

const store = (stateFile: string | undefined, id: Saved.Saved["id"], nodes: Saved.Saved["nodes"]) =>
  Effect.gen(function* () {
    // An empty table would only take the place of one that may still be of use.
    if (stateFile === undefined || nodes.length === 0) return
    const fs = yield* FileSystem.FileSystem
    yield* fs.makeDirectory(stateFile.replace(/[/\\][^/\\]*$/, ""), { recursive: true, mode: 0o700 })
    yield* SavedFile.replace(stateFile, Saved.encode({ id, nodes }))
  }).pipe(
    Effect.catchAll(({ message }) => Effect.logWarning(`the DHT table could not be saved: ${message}`)),
  )
