/**
 * A simulated DHT of as many nodes as told, under the eyes of all checkers, and smaller ones before it, so that one sees
 * how hops grow. Prints what it was like; the exit code says whether a rule was broken or too little was found.
 *
 *     npm run sim:dht -- --nodes 10000 --loss 0.1 --churn 0.2 --hours 1 --seed 1
 *     npm run sim:dht -- --nodes 300 --only           no smaller ones
 *     npm run sim:dht -- --sybils 0.03                hostile nodes that say to be near whatever is looked for
 */
import process from "node:process"
import { parseArgs } from "node:util"
import { runInNewContext } from "node:vm"
import { MINUTE } from "../../core/base/Time.ts"
import * as Node from "../../core/dht/Node.ts"
import * as Checker from "../../core/sim/dht/check/Checker.ts"
import * as Scenario from "../../core/sim/dht/Scenario.ts"
import * as Statistics from "../../core/sim/dht/Statistics.ts"
import * as World from "../../core/sim/dht/World.ts"

const { values } = parseArgs({
  options: {
    nodes: { type: "string", default: "10000" },
    seed: { type: "string", default: "1" },
    loss: { type: "string", default: "0.1" },
    churn: { type: "string", default: "0.2" },
    hours: { type: "string", default: "1" },
    sybils: { type: "string", default: "0" },
    only: { type: "boolean", default: false },
  },
})

/** Lookups that have to find what was announced. */
const GOAL = 0.99

/** What a node may weigh: else ten thousand would be no network for a laptop. */
const MAX_NODE_BYTES = 20_000

/** In smaller networks each node keeps announces of many torrents, and a few kilobytes of anything else count. */
const WEIGHED_FROM = 1_000

/** Close books are kept of so many hosts: of all they would outweigh the network. */
const WATCHED = 500

const MEGABYTE = 1e6

/** Makes garbage go, so that memory can be weighed; `undefined` where the runtime lets nobody do that. */
const collect = runInNewContext("typeof gc === 'function' ? gc : undefined") as (() => void) | undefined

/** Memory in use, in bytes: of the heap and of what lies beside it. */
const weigh = (): number => {
  collect?.()
  const { arrayBuffers, heapUsed } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

const percent = (share: number): string => `${(100 * share).toFixed(2)} %`
const whole = (count: number): string => Math.round(count).toLocaleString("en")

/** One line for each way: how many lookups were that long, as a bar. */
const bars = ({ hops, lookups }: Statistics.Statistics): ReadonlyArray<string> =>
  hops.flatMap((count, way) => {
    if (count === 0) return []
    const share = count / lookups
    const bar = "█".repeat(Math.round(share * 40))
    return [`    ${String(way).padStart(2)}  ${percent(share).padStart(8)}  ${bar}`.trimEnd()]
  })

/** Bytes of the tables of the nodes, and questions that they have open. */
const inside = ({ hosts }: World.World): { readonly table: number; readonly queries: number } => {
  let table = 0
  let queries = 0
  for (const { node } of hosts) {
    if (node === undefined) continue
    for (const home of node.machine.homes) {
      table += home.table.rows.bytes.byteLength + home.table.rows.seenAt.byteLength +
        home.table.changedAt.byteLength + home.votes.rows.byteLength
    }
    queries += Node.stats(node).openQueries
  }
  return { table, queries }
}

/** Runs a network of so many nodes; whether it was as it has to be. */
const run = (nodes: number): boolean => {
  const lookupMs = Number(values.hours) * 60 * MINUTE
  const hostile = { ...Scenario.NET, sybil: Number(values.sybils) }
  const scenario = Scenario.make({
    nodes,
    seed: Number(values.seed),
    loss: Number(values.loss),
    churnPerHour: Number(values.churn),
    lookupMs,
    hostile,
  })
  const before = weigh()
  const statistics = Statistics.make(({ node }) => node === undefined ? 0 : node.machine.counters.queriesOut)
  const checkers = Checker.all(scenario, Node, Math.ceil(nodes / WATCHED))
  const world = World.make(scenario, [statistics.observer, ...checkers.map(({ observer }) => observer)])
  const startedAt = process.cpuUsage()
  for (let at = MINUTE; at <= World.endAt(world); at += MINUTE) {
    World.run(world, at)
    if (process.stderr.isTTY) {
      process.stderr.write(`\r${at / MINUTE} of ${World.endAt(world) / MINUTE} minutes `)
    }
  }
  const { system, user } = process.cpuUsage(startedAt)
  const seconds = (system + user) / 1e6
  const { counters } = world
  const digest = World.digest(world)
  // What the checkers and the figures remember is not the nodes'.
  const violations = checkers.flatMap((checker) => checker.violations.map(Checker.format))
  const looks = checkers.map((checker) => `${checker.name} ${whole(checker.looks())}`).join(", ")
  const { queries, table } = inside(world)
  const withNodes = weigh()
  const up = world.hosts.filter(({ node }) => node !== undefined)
  for (const host of world.hosts) host.node = undefined
  const nodeBytes = (withNodes - weigh()) / up.length
  const found = Statistics.foundShare(statistics)
  const { doneMs, foundMs, idleMinutes, idleQueries } = statistics
  process.stdout.write(
    [
      `${whole(nodes)} nodes, ${percent(scenario.loss)} loss, ${
        percent(scenario.churnPerHour)
      } churn an hour, seed ${scenario.seed}`,
      `  digest    ${digest}`,
      `  lookups   ${whole(statistics.lookups)}, of which ${percent(found)} found a peer; announces ${
        whole(world.users.announces)
      }, ${whole(world.users.announcedInVain)} in vain`,
      `  peers     after ${whole(Statistics.percentile(foundMs, 0.5))} ms, the slowest of a hundred after ${
        whole(Statistics.percentile(foundMs, 0.99))
      } ms; all asked after ${whole(Statistics.percentile(doneMs, 0.5))} and ${
        whole(Statistics.percentile(doneMs, 0.99))
      } ms, with ${whole(Statistics.percentile(statistics.queries, 0.5))} questions`,
      `  hops      ${Statistics.meanHops(statistics).toFixed(2)} on average`,
      ...bars(statistics),
      `  idle      ${(idleQueries / Math.max(1, idleMinutes)).toFixed(1)} questions a minute and node`,
      `  hosts     ${whole(counters.came)} came, ${whole(counters.left)} left, ${
        whole(counters.returned)
      } came back`,
      `  datagrams ${whole(counters.sent)} (${whole(counters.sentBytes / MEGABYTE)} MB), ${
        whole(counters.lost)
      } lost, ${whole(counters.unheard)} to nobody; ${whole(counters.sent / seconds)} a second`,
      `  time      ${World.endAt(world) / MINUTE} minutes in ${seconds.toFixed(1)} s of processor time`,
      collect === undefined
        ? "  memory    not weighed: needs --expose-gc"
        : `  memory    ${whole(nodeBytes)} bytes a node, of which ${
          whole(table / up.length)
        } in its tables, ${(queries / up.length).toFixed(2)} open questions; the whole world ${
          whole((withNodes - before) / MEGABYTE)
        } MB`,
      `  checked   ${looks}`,
      ...violations.map((violation) => `  BROKEN    ${violation}`),
      "",
      "",
    ].join("\n"),
  )
  const isLight = collect === undefined || nodes < WEIGHED_FROM || nodeBytes <= MAX_NODE_BYTES
  return violations.length === 0 && found >= GOAL && isLight
}

const nodes = Number(values.nodes)
const sizes = values.only ? [nodes] : [...[100, 1_000].filter((size) => size < nodes), nodes]
const isGood = sizes.map(run).every((one) => one)
process.exitCode = isGood ? 0 : 1
