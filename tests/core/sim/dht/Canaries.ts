/**
 * Bugs, planted one at a time between a node and its world. A checker that lets its own pass proves nothing by its silence
 * elsewhere.
 */
import type { Address } from "../../../../core/base/Address.ts"
import type { Bytes } from "../../../../core/base/Bytes.ts"
import { MINUTE, SECOND } from "../../../../core/base/Time.ts"
import type { Command } from "../../../../core/dht/Command.ts"
import type { Input } from "../../../../core/dht/Input.ts"
import * as Krpc from "../../../../core/dht/Krpc.ts"
import * as Node from "../../../../core/dht/Node.ts"
import * as Scenario from "../../../../core/sim/dht/Scenario.ts"
import type { Machine } from "../../../../core/sim/dht/State.ts"

export interface Canary {
  /** What is wrong with the nodes. */
  readonly bug: string
  /** The name of the checker that has to find it. */
  readonly checker: string
  readonly machine: Machine
}

/** A few minutes of forty nodes, with everybody in it whom a checker needs. */
export const scenario: Scenario.Scenario = Scenario.make({
  seed: 11,
  nodes: 40,
  joinMs: MINUTE,
  settleMs: MINUTE,
  announceMs: 2 * MINUTE,
  lookupMs: 18 * MINUTE,
  torrents: 20,
  peersPerTorrent: 3,
  lookupsPerMinute: 20,
  readOnlyShare: 0.1,
  hostile: { ...Scenario.NET, thief: 0.05, spoofer: 0.05, flooder: 0.05 },
})

type Send = Extract<Command, { readonly _tag: "Send" }>

/** Nodes whose commands are others. */
const distorted = (
  change: (commands: ReadonlyArray<Command>, input: Input) => ReadonlyArray<Command>,
): Machine => ({
  ...Node,
  step: (node, input) => {
    const [next, commands] = Node.step(node, input)
    return [next, change(commands, input)]
  },
})

/** Nodes whose responses are others. */
const answering = (
  change: (response: Extract<Krpc.Message, { _tag: "Response" }>) => Krpc.Message,
): Machine =>
  distorted((commands) =>
    commands.map((command) => {
      if (command._tag !== "Send") return command
      const decoded = Krpc.decode(command.bytes)
      if (!decoded.ok || decoded.value._tag !== "Response") return command
      return { ...command, bytes: Krpc.encode(change(decoded.value)) }
    })
  )

const queryOf = (input: Input): { readonly query: Krpc.Query; readonly from: Address } | undefined => {
  if (input._tag !== "Packet") return undefined
  const decoded = Krpc.decode(input.bytes)
  return decoded.ok && decoded.value._tag === "Query" ? { query: decoded.value, from: input.from } : undefined
}

const ID = new Uint8Array(20).fill(7)

/** A response to a query that says nothing but that all is well. */
const yes = (query: Krpc.Query, to: Address): Send => ({
  _tag: "Send",
  to,
  bytes: Krpc.encode({ _tag: "Response", transaction: query.transaction, id: ID }),
})

const isQuery = (bytes: Bytes): boolean => bytes.at(-2) === 0x71

/** Compact nodes: one at an address that nobody has in these worlds, which have no local ones. */
const NOBODY = Uint8Array.from([...ID, 10, 1, 2, 3, 4, 5])

const NOWHERE: Address = { host: "192.0.2.1", port: 9 }

/** Where the read-only nodes are: those that never answer are the only ones that say so. */
const readOnly = new Map<string, Bytes>()

export const canaries: ReadonlyArray<Canary> = [
  {
    bug: "nodes take announces and forget them",
    checker: "found",
    machine: {
      ...Node,
      step: (node, input) => {
        const asked = queryOf(input)
        if (asked?.query.request._tag !== "AnnouncePeer") return Node.step(node, input)
        const [next, commands] = Node.step(node, { _tag: "Tick", now: input.now })
        return [next, [...commands, yes(asked.query, asked.from)]]
      },
    },
  },
  {
    bug: "a table has a node twice",
    checker: "tables",
    machine: {
      ...Node,
      saved: (node) => {
        const saved = Node.saved(node)
        return [...saved, ...saved.slice(0, 1)]
      },
    },
  },
  {
    bug: "a table has all its nodes in one bucket",
    checker: "tables",
    machine: {
      ...Node,
      stats: (node) => ({ ...Node.stats(node), buckets: { ipv4: 1, ipv6: 0 } }),
    },
  },
  {
    bug: "any token is good",
    checker: "tokens",
    machine: distorted((commands, input) => {
      const asked = queryOf(input)
      if (asked?.query.request._tag !== "AnnouncePeer") return commands
      return [...commands.filter(({ _tag }) => _tag !== "Send"), yes(asked.query, asked.from)]
    }),
  },
  {
    bug: "answers name peers that never announced",
    checker: "tokens",
    machine: answering((response) =>
      response.values === undefined
        ? response
        : { ...response, values: [...response.values.slice(1), Uint8Array.of(9, 9, 9, 9, 9, 9)] }
    ),
  },
  {
    bug: "answers name nodes where nobody is",
    checker: "referrals",
    machine: answering((response) =>
      response.nodes === undefined ? response : { ...response, nodes: NOBODY }
    ),
  },
  {
    bug: "answers name a read-only node",
    checker: "referrals",
    machine: distorted((commands, input) => {
      const asked = queryOf(input)
      if (asked?.query.isReadOnly !== true || input._tag !== "Packet") return commands
      readOnly.set(asked.from.host, Uint8Array.of(...asked.from.host.split(".").map(Number), 4, 210))
      const nodes = Uint8Array.of(...ID, ...readOnly.get(asked.from.host)!)
      return commands.map((command) =>
        command._tag === "Send" && !isQuery(command.bytes)
          ? {
            ...command,
            bytes: Krpc.encode({ _tag: "Response", transaction: asked.query.transaction, id: ID, nodes }),
          }
          : command
      )
    }),
  },
  {
    bug: "strangers get as much as friends",
    checker: "amplification",
    machine: answering((response) => ({ ...response, value: new Uint8Array(900).fill(0x31) })),
  },
  {
    bug: "whoever asks is answered, however often",
    checker: "rates",
    machine: distorted((commands, input) => {
      const asked = queryOf(input)
      if (asked?.query.request._tag !== "Ping" || commands.some(({ _tag }) => _tag === "Send")) {
        return commands
      }
      return [...commands, yes(asked.query, asked.from)]
    }),
  },
  {
    bug: "answers are as long as they like",
    checker: "rates",
    machine: answering((response) => ({ ...response, value: new Uint8Array(8_000).fill(0x31) })),
  },
  {
    bug: "a datagram doesn't fit a frame",
    checker: "sizes",
    machine: answering((response) => ({ ...response, value: new Uint8Array(1_450).fill(0x31) })),
  },
  {
    bug: "for each question forty go to where nobody is",
    checker: "idle",
    machine: distorted((commands) =>
      commands.flatMap((command) =>
        command._tag === "Send" && isQuery(command.bytes)
          ? [command, ...new Array<Command>(40).fill({ ...command, to: NOWHERE })]
          : [command]
      )
    ),
  },
  {
    bug: "a node is always due a little earlier",
    checker: "wakes",
    machine: { ...Node, nextWake: (node) => Node.nextWake(node) - 2 * SECOND },
  },
]
